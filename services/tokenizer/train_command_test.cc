#include "services/tokenizer/train_command.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/modelfiles/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kText =
    "<|im_start|>user\nhello hello hello<|im_end|>\n"
    "<|im_start|>assistant\n\xE4\xBD\xA0\xE5\xA5\xBD<|im_end|>\n"
    "<|endoftext|>\n"
    "<|im_start|>user\nassistant, hello<|im_end|>\n<|endoftext|>\n";

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

class TrainCommandTest : public ::testing::Test {
 protected:
  TrainCommandTest() {
    directory_ =
        std::filesystem::path(::testing::TempDir()) /
        ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "some.txt", std::ios::binary) << kText;
    options_.texts = {(directory_ / "some.txt").string()};
    options_.encodes = options_.texts;
    options_.vocabulary_size = 512;
    options_.out = (directory_ / "model").string();
    options_.ids_out = (directory_ / "ids").string();
  }

  std::filesystem::path directory_;
  TrainCommandOptions options_;
};

TEST_F(TrainCommandTest, TheTokenizerItWritesIsReadBack) {
  ASSERT_TRUE(RunTrainCommand(options_).ok());
  const auto tokenizer = Tokenizer::FromDirectory(options_.out);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto ids = (*tokenizer)->Encode(kText, {});
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ((*tokenizer)->Decode(*ids, /*skip_special=*/false), kText);
  // " hello" became one token, and marks are one id each, at the end.
  const auto hello = (*tokenizer)->Encode(" hello<|im_end|>", {});
  ASSERT_TRUE(hello.ok());
  ASSERT_EQ(hello->size(), 2u);
  EXPECT_EQ(hello->back(), (*tokenizer)->vocabulary().size() - 1);
  EXPECT_TRUE((*tokenizer)->vocabulary().special(hello->back()));
}

TEST_F(TrainCommandTest, MarksAreNotLearnedAsWords) {
  ASSERT_TRUE(RunTrainCommand(options_).ok());
  const auto tokenizer = Tokenizer::FromDirectory(options_.out);
  ASSERT_TRUE(tokenizer.ok());
  const Vocabulary& vocabulary = (*tokenizer)->vocabulary();
  for (int32_t id = 0; id < vocabulary.size() - 3; ++id) {
    EXPECT_EQ(vocabulary.bytes(id).find("im_"), std::string_view::npos);
    EXPECT_EQ(vocabulary.bytes(id).find("|>"), std::string_view::npos);
  }
}

TEST_F(TrainCommandTest, WritesIdsWithTheirDocuments) {
  ASSERT_TRUE(RunTrainCommand(options_).ok());
  const auto tokenizer = Tokenizer::FromDirectory(options_.out);
  ASSERT_TRUE(tokenizer.ok());
  const auto index =
      JsonDocument::ReadFile(options_.ids_out + "/some.json", {});
  ASSERT_TRUE(index.ok()) << index.status();
  const auto offsets = index->root().Get("document_offsets")->AsInts(0, 1000);
  ASSERT_TRUE(offsets.ok());
  ASSERT_EQ(offsets->size(), 3u);
  const std::string bytes = ReadAll(options_.ids_out + "/some.u16");
  ASSERT_EQ(bytes.size(), 2 * static_cast<size_t>(offsets->back()));
  std::vector<int32_t> ids;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    ids.push_back(static_cast<unsigned char>(bytes[i]) |
                  static_cast<unsigned char>(bytes[i + 1]) << 8);
  }
  // A document is its text without the line end after its last mark.
  std::string text(kText);
  for (size_t at; (at = text.find("<|endoftext|>\n")) != std::string::npos;) {
    text.erase(at + 13, 1);
  }
  EXPECT_EQ((*tokenizer)->Decode(ids, false), text);
}

TEST_F(TrainCommandTest, TwoRunsWriteTheSameBytes) {
  ASSERT_TRUE(RunTrainCommand(options_).ok());
  const std::string first = ReadAll(options_.out + "/tokenizer.json");
  EXPECT_THAT(first, HasSubstr("\"<|im_start|>\""));
  std::filesystem::remove_all(options_.out);
  ASSERT_TRUE(RunTrainCommand(options_).ok());
  EXPECT_EQ(ReadAll(options_.out + "/tokenizer.json"), first);
}

TEST_F(TrainCommandTest, MissingTextIsNotFound) {
  options_.texts = {(directory_ / "none.txt").string()};
  EXPECT_EQ(RunTrainCommand(options_).code(), absl::StatusCode::kNotFound);
}

TEST(ParseTrainCommandTest, TakesBothSpellingsOfFlags) {
  const auto options = ParseTrainCommand(
      {"--text=a,b", "--vocab-size", "600", "--out=x", "--ids_out=y"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->texts, ElementsAre("a", "b"));
  EXPECT_EQ(options->vocabulary_size, 600);
  EXPECT_EQ(options->out, "x");
  EXPECT_EQ(options->ids_out, "y");
}

TEST(ParseTrainCommandTest, RefusesWhatItDoesNotKnowByName) {
  const std::vector<std::vector<std::string_view>> bad = {
      {"--text=a"},
      {"--out=x"},
      {"--text=a", "--out=x", "--vocab-size=511"},
      {"--text=a", "--out=x", "--vocab-size=65537"},
      {"--text=a", "--out=x", "--vocab-size=many"},
      {"--text=a", "--out=x", "--speed=3"},
      {"--text=a", "--out=x", "--encode"},
      {"a.txt"},
  };
  for (const auto& arguments : bad) {
    EXPECT_EQ(ParseTrainCommand(arguments).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  const auto options = ParseTrainCommand({"--text=a", "--out=x", "--speed=3"});
  EXPECT_THAT(std::string(options.status().message()), HasSubstr("--speed"));
}

}  // namespace
}  // namespace sluice::tokenizer
