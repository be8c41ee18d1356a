// Ids and texts against those of the reference libraries for small models of
// our own (tests/golden/text): SentencePiece models of both kinds with every
// rule of theirs, and vocabularies in separate files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/modelfiles/json.h"
#include "common/vocabulary/stream_decoder.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {
namespace {

const std::string kDirectory = SLUICE_GOLDEN_DIRECTORY;

struct Case {
  std::string text;
  std::vector<int32_t> ids;
  std::string decoded;
};

std::vector<Case> CasesOf(const std::string& name) {
  auto golden =
      JsonDocument::ReadFile(kDirectory + "/goldens.json", JsonLimits{});
  EXPECT_TRUE(golden.ok()) << golden.status();
  std::vector<Case> cases;
  auto add_text = [&](const JsonValue& text) {
    cases.push_back({std::string(*text.AsString()), {}, ""});
    return absl::OkStatus();
  };
  EXPECT_TRUE(golden->root().Get("texts")->ForEachElement(add_text).ok());
  size_t index = 0;
  auto add_answer = [&](const JsonValue& answer) {
    const std::vector<int64_t> ids = *answer.Get("ids")->AsInts(0, 1 << 20);
    cases[index].ids.assign(ids.begin(), ids.end());
    cases[index++].decoded = std::string(*answer.GetString("decoded"));
    return absl::OkStatus();
  };
  EXPECT_TRUE(
      golden->root().Get("cases")->Get(name)->ForEachElement(add_answer).ok());
  EXPECT_EQ(index, cases.size());
  return cases;
}

std::string InPieces(const Tokenizer& tokenizer,
                     const std::vector<int32_t>& ids) {
  StreamDecoder decoder(tokenizer.vocabulary(), /*skip_special=*/false);
  std::string text;
  for (int32_t id : ids) text += decoder.Push({id});
  return text + decoder.Finish();
}

class SmallGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(SmallGolden, EveryTextHasTheIdsAndTextOfTheReference) {
  const std::string path = kDirectory + "/" + GetParam();
  auto tokenizer = path.ends_with(".model") ? Tokenizer::FromFile(path)
                                            : Tokenizer::FromDirectory(path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const std::vector<Case> cases = CasesOf(GetParam());
  EXPECT_GT(cases.size(), 140u);
  for (const Case& test : cases) {
    auto ids = (*tokenizer)->Encode(test.text, {.add_special_tokens = false});
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, test.ids) << test.text;
    EXPECT_EQ((*tokenizer)->Decode(test.ids, /*skip_special=*/false),
              test.decoded)
        << test.text;
    EXPECT_EQ(InPieces(**tokenizer, test.ids), test.decoded) << test.text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, SmallGolden,
    ::testing::Values("unigram-plain.model", "unigram-bytes.model",
                      "unigram-suffix.model", "unigram-spaces.model",
                      "bpe-rules.model", "bpe-bytes.model", "merges-gpt2",
                      "merges-qwen2"),
    [](const auto& info) {
      std::string name = info.param.substr(0, info.param.find('.'));
      std::erase(name, '-');
      return name;
    });

}  // namespace
}  // namespace sluice::tokenizer
