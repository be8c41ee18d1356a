// Ids that other projects recorded, pieces of pre-tokenizers, and pieces of
// streams, as far as this build supports their components.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/modelfiles/json.h"
#include "common/testing/test_files.h"
#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/stream_decoder.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/pre_tokenizer.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {
namespace {

// The tokenizer of a folder of the test data; nullptr without the data.
std::unique_ptr<Tokenizer> LoadGolden(const std::string& folder) {
  auto path = GoldenPath("tokenizers/" + folder + "/tokenizer.rebuilt.json");
  if (!path.has_value()) return nullptr;
  const TempDir directory;
  std::filesystem::create_symlink(*path, directory.path() + "/tokenizer.json");
  auto tokenizer = Tokenizer::FromDirectory(directory.path());
  EXPECT_TRUE(tokenizer.ok()) << folder << ": " << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

JsonDocument ReadGolden(const std::string& name) {
  auto document = JsonDocument::ReadFile(*GoldenPath(name), JsonLimits{});
  EXPECT_TRUE(document.ok()) << document.status();
  return *std::move(document);
}

std::vector<std::string> Strings(const JsonValue& list) {
  std::vector<std::string> out;
  EXPECT_TRUE(list.ForEachElement([&](const JsonValue& value) {
                    out.push_back(std::string(*value.AsString()));
                    return absl::OkStatus();
                  })
                  .ok());
  return out;
}

std::vector<int32_t> Ids(const JsonValue& list) {
  std::vector<int64_t> wide = *list.AsInts(0, 1 << 24);
  return {wide.begin(), wide.end()};
}

std::vector<std::string> SplitAt(const std::string& text,
                                 const std::string& mark) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t at; (at = text.find(mark, begin)) != std::string::npos;) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + mark.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(OtherGoldens, LlamaCppVocabularyTestsHaveTheirIds) {
  if (!GoldenPath("tokenizers").has_value()) {
    GTEST_SKIP() << "SLUICE_TESTDATA is not set";
  }
  const std::map<std::string, std::string> folders = {
      {"gpt-2", "gpt2"},
      {"llama-bpe", "llama3"},
      {"qwen2", "qwen1.5"},
      {"deepseek-coder", "deepseek-coder"},
      {"deepseek-llm", "deepseek-llm"}};
  int cases = 0;
  for (const auto& [name, folder] : folders) {
    auto tokenizer = LoadGolden(folder);
    ASSERT_NE(tokenizer, nullptr);
    const std::string stem = *GoldenPath("tokenizers/llama.cpp-vocab-golden") +
                             "/ggml-vocab-" + name + ".gguf";
    const std::vector<std::string> texts =
        SplitAt(ReadText(stem + ".inp"), "\n__ggml_vocab_test__\n");
    std::istringstream lines(ReadText(stem + ".out"));
    for (const std::string& text : texts) {
      std::string line;
      if (!std::getline(lines, line)) break;
      std::istringstream numbers(line);
      std::vector<int32_t> expected;
      for (int32_t id; numbers >> id;) expected.push_back(id);
      EXPECT_EQ(*tokenizer->Encode(text, {.add_special_tokens = false}),
                expected)
          << name << ": <" << text << ">";
      ++cases;
    }
  }
  EXPECT_GT(cases, 200);
}

TEST(OtherGoldens, TokenizersJsTestsHaveTheirIds) {
  if (!GoldenPath("tokenizers").has_value()) {
    GTEST_SKIP() << "SLUICE_TESTDATA is not set";
  }
  const std::map<std::string, std::string> folders = {
      {"Xenova/gpt2", "gpt2"},
      {"openai-community/gpt2", "gpt2"},
      {"Xenova/llama3-tokenizer", "llama3"},
      {"Xenova/llama3-tokenizer-new", "llama3"},
      {"Xenova/deepseek-coder-1.3b-instruct", "deepseek-coder"},
      {"Xenova/Qwen1.5-0.5B-Chat", "qwen1.5"}};
  const JsonDocument golden =
      ReadGolden("tokenizers/tokenizers.js-golden/golden.json");
  int cases = 0;
  for (const auto& [model, folder] : folders) {
    auto tokenizer = LoadGolden(folder);
    ASSERT_NE(tokenizer, nullptr);
    const JsonValue group = *golden.root().Get(model)->Get("cases");
    ASSERT_TRUE(
        group
            .ForEachMember([&](std::string_view name, const JsonValue& test) {
              auto ids = test.Find("ids");
              auto text = test.Find("text");
              if (!ids.has_value() || !text.has_value()) {
                return absl::OkStatus();
              }
              // The deepseek vocabulary here has no post-processor.
              std::vector<int32_t> expected = Ids(*ids);
              if (folder == "deepseek-coder" && !expected.empty()) {
                expected.erase(expected.begin());
              }
              const bool add_special = model != "Xenova/llama3-tokenizer";
              EXPECT_EQ(*tokenizer->Encode(*text->AsString(),
                                           {.add_special_tokens = add_special}),
                        expected)
                  << model << ": " << name;
              ++cases;
              return absl::OkStatus();
            })
            .ok());
  }
  EXPECT_GT(cases, 150);
}

// The pieces of one configuration for one text, spelled as the reference does.
std::vector<std::string> PiecesOf(const PreTokenizer& splitter,
                                  std::string text) {
  const ByteAlphabet alphabet;
  if (splitter.prepends_space() && !text.empty() && text.front() != ' ') {
    text.insert(0, " ");
  }
  std::vector<Piece> pieces = *splitter.Split(text);
  std::vector<std::string> out;
  for (const Piece& piece : pieces) {
    out.push_back(splitter.byte_level() ? alphabet.SpellingOf(piece.In(text))
                                        : std::string(piece.In(text)));
  }
  return out;
}

TEST(OtherGoldens, PreTokenizersCutAsTheReference) {
  if (!GoldenPath("tokenizers").has_value()) {
    GTEST_SKIP() << "SLUICE_TESTDATA is not set";
  }
  const JsonDocument golden =
      ReadGolden("tokenizers/hf-tokenizers-golden/components.json");
  const std::vector<std::string> texts = Strings(*golden.root().Get("texts"));
  int supported = 0;
  int wrong = 0;
  ASSERT_TRUE(
      golden.root()
          .Get("pre_tokenizers")
          ->ForEachElement([&](const JsonValue& test) {
            auto splitter = PreTokenizer::FromJson(*test.Get("config"));
            if (!splitter.ok()) {
              EXPECT_TRUE(absl::IsUnimplemented(splitter.status()))
                  << splitter.status();
              return absl::OkStatus();
            }
            ++supported;
            size_t index = 0;
            return test.Get("out")->ForEachElement([&](const JsonValue& out) {
              const std::string& text = texts[index++];
              const std::vector<std::string> expected =
                  out.IsArray() ? Strings(out) : std::vector{text};
              const auto got = PiecesOf(*splitter, text);
              if (got != expected && ++wrong <= 10) {
                ADD_FAILURE()
                    << *test.GetString("name") << ": <" << text << "> got "
                    << ::testing::PrintToString(got) << " expected "
                    << ::testing::PrintToString(expected);
              }
              return absl::OkStatus();
            });
          })
          .ok());
  EXPECT_GT(supported, 15);
  EXPECT_EQ(wrong, 0);
}

TEST(OtherGoldens, StreamsComeInThePiecesOfTheReference) {
  if (!GoldenPath("tokenizers").has_value()) {
    GTEST_SKIP() << "SLUICE_TESTDATA is not set";
  }
  const JsonDocument golden =
      ReadGolden("tokenizers/hf-tokenizers-golden/stream.json");
  int streams = 0;
  int written_replacements = 0;
  for (const char* folder : {"qwen2.5", "llama3"}) {
    auto tokenizer = LoadGolden(folder);
    ASSERT_NE(tokenizer, nullptr);
    const JsonValue cases =
        *golden.root()
             .Get("tokenizers")
             ->Get(absl::StrCat(folder, "/tokenizer.rebuilt.json"));
    ASSERT_TRUE(
        cases
            .ForEachElement([&](const JsonValue& test) {
              StreamDecoder decoder(tokenizer->vocabulary(), false);
              const std::vector<int32_t> ids = Ids(*test.Get("ids"));
              size_t index = 0;
              ++streams;
              return test.Get("pieces")->ForEachElement(
                  [&](const JsonValue& piece) {
                    const std::string expected =
                        piece.IsString() ? std::string(*piece.AsString()) : "";
                    const std::string got = decoder.Push({ids[index++]});
                    // A U+FFFD that the text itself holds: the
                    // reference keeps it back until the next id.
                    if (got == kReplacementCharacter && expected.empty()) {
                      ++written_replacements;
                      return absl::OkStatus();
                    }
                    EXPECT_EQ(got, expected) << folder << ": " << test.path();
                    return absl::OkStatus();
                  });
            })
            .ok());
  }
  EXPECT_EQ(streams, 440);
  EXPECT_EQ(written_replacements, 2);
}

TEST(OtherGoldens, TheFileOfAddedTokensWithoutMergesIsRefused) {
  auto path = GoldenPath("tokenizers/added-tokens");
  if (!path.has_value()) GTEST_SKIP() << "SLUICE_TESTDATA is not set";
  EXPECT_FALSE(Tokenizer::FromDirectory(*path).ok());
}

}  // namespace
}  // namespace sluice::tokenizer
