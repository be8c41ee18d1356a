// Ids and texts against those of the Hugging Face library, for every
// vocabulary of the test data but the one that tests/prove/tokenizer-goldens
// lists exceptions for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "common/modelfiles/json.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {
namespace {

namespace fs = std::filesystem;

// Tokenizer files are named otherwise there: each gets a directory of its own.
class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const char* data = std::getenv("SLUICE_TESTDATA");
    if (data == nullptr) GTEST_SKIP() << "SLUICE_TESTDATA is not set";
    data_ = std::string(data) + "/tokenizers/";
    std::string pattern = ::testing::TempDir() + "/golden_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    fs::create_symlink(data_ + GetParam(), directory_ + "/tokenizer.json");
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  std::string data_;
  std::string directory_;
};

std::vector<int32_t> Ids(const JsonValue& value) {
  std::vector<int64_t> wide = *value.AsInts(0, 1 << 24);
  return {wide.begin(), wide.end()};
}

// Up to a few mismatches in full, then only how many.
class Mismatches {
 public:
  void Add(std::string what) {
    if (++count_ <= 5) ADD_FAILURE() << what;
  }
  ~Mismatches() { EXPECT_EQ(count_, 0) << "mismatches in all"; }

 private:
  int count_ = 0;
};

// decoded: true is the text, false its absence, a string itself; 0 means
// `otherwise`.
std::string Decoded(const JsonValue& value, const std::string& text,
                    const std::string& otherwise) {
  if (value.IsString()) return std::string(*value.AsString());
  return value.kind() == JsonKind::kBool ? text : otherwise;
}

struct Case {
  const Tokenizer& tokenizer;
  const std::string& text;
  const JsonValue& entry;
};

void CheckCase(const Case& test, Mismatches& wrong) {
  const std::vector<int32_t> plain = Ids(*test.entry.Get("ids"));
  auto special_json = test.entry.Find("ids_special");
  const std::vector<int32_t> special =
      special_json.has_value() ? Ids(*special_json) : plain;
  const auto encode = [&](bool add) {
    auto ids = test.tokenizer.Encode(test.text, {.add_special_tokens = add});
    return ids.ok() ? *ids : std::vector<int32_t>{-1};
  };
  if (encode(false) != plain) {
    wrong.Add("ids of <" + test.text +
              ">: " + ::testing::PrintToString(encode(false)) + " expected " +
              ::testing::PrintToString(plain));
  }
  if (encode(true) != special) wrong.Add("ids with specials: " + test.text);
  const std::string shown = Decoded(*test.entry.Get("decoded"), test.text, "");
  if (test.tokenizer.Decode(special, false) != shown) {
    wrong.Add("decoded: <" + test.tokenizer.Decode(special, false) +
              "> expected <" + shown + ">");
  }
  const std::string skipped =
      Decoded(*test.entry.Get("decoded_skip_special"), test.text, shown);
  if (test.tokenizer.Decode(special, true) != skipped) {
    wrong.Add("decoded without specials: " + skipped);
  }
}

TEST_P(Golden, EveryTextHasTheIdsAndTextOfTheReference) {
  auto tokenizer = Tokenizer::FromDirectory(directory_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  auto golden = JsonDocument::ReadFile(
      data_ + "hf-tokenizers-golden/encode.json", JsonLimits{});
  ASSERT_TRUE(golden.ok()) << golden.status();
  std::vector<std::string> texts;
  ASSERT_TRUE(golden->root()
                  .Get("texts")
                  ->ForEachElement([&](const JsonValue& text) {
                    texts.push_back(std::string(*text.AsString()));
                    return absl::OkStatus();
                  })
                  .ok());
  size_t index = 0;
  Mismatches wrong;
  JsonValue cases = *golden->root().Get("tokenizers")->Get(GetParam());
  ASSERT_TRUE(cases
                  .ForEachElement([&](const JsonValue& entry) {
                    CheckCase({**tokenizer, texts[index++], entry}, wrong);
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(index, texts.size());
  EXPECT_GT(index, 500u);
}

INSTANTIATE_TEST_SUITE_P(
    AllKinds, Golden,
    ::testing::Values("gpt2/tokenizer.rebuilt.json", "phi-2/tokenizer.json",
                      "llama3/tokenizer.rebuilt.json",
                      "qwen1.5/tokenizer.rebuilt.json",
                      "qwen2.5/tokenizer.rebuilt.json",
                      "qwen3/tokenizer.rebuilt.json",
                      "deepseek-coder/tokenizer.rebuilt.json",
                      "deepseek-llm/tokenizer.rebuilt.json",
                      "falcon-tokenizer/tokenizer.json",
                      "mistral-7b-v0.2/tokenizer.json", "phi-3/tokenizer.json",
                      "roberta-base/tokenizer.json", "t5-small/tokenizer.json"),
    [](const auto& info) {
      std::string name = info.param.substr(0, info.param.find('/'));
      std::erase_if(name, [](char c) { return !std::isalnum(c); });
      return name;
    });

}  // namespace
}  // namespace sluice::tokenizer
