#include "services/tokenizer/core/normalizers/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::tokenizer {
namespace {

std::unique_ptr<Normalizer> Make(std::string_view json) {
  auto document = JsonDocument::Parse(json, "tokenizer.json", JsonLimits{});
  EXPECT_TRUE(document.ok()) << document.status();
  auto made = MakeNormalizer(document->root());
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : nullptr;
}

std::string Apply(std::string_view json, std::string_view text) {
  return *NormalizeCopy(*Make(json), text);
}

TEST(Normalizer, FormsComposeAndDecompose) {
  EXPECT_EQ(Apply(R"({"type":"NFC"})", "e\u0301x"), "\u00e9x");
  EXPECT_EQ(Apply(R"({"type":"NFD"})", "\u1e69"), "s\u0323\u0307");
  EXPECT_EQ(Apply(R"({"type":"NFD"})", "s\u0307\u0323"), "s\u0323\u0307");
  EXPECT_EQ(Apply(R"({"type":"NFKC"})", "\ufb01\u00b2"), "fi2");
  EXPECT_EQ(Apply(R"({"type":"NFKD"})", "\uac01"), "\u1100\u1161\u11a8");
}

TEST(Normalizer, CharactersYoungerThanTheReferenceStayAsTheyAre) {
  // U+32FF came with Unicode 12.1; U+07FD, a mark, with 11.
  EXPECT_EQ(Apply(R"({"type":"NFKC"})", "\u32ff"), "\u32ff");
  EXPECT_EQ(Apply(R"({"type":"NFC"})", "a\u07fd\u0316"), "a\u07fd\u0316");
}

TEST(Normalizer, LowercaseTakesEveryCharacterAlone) {
  EXPECT_EQ(Apply(R"({"type":"Lowercase"})", "ABC\u0130\u03a3 \u03a3"),
            "abci\u0307\u03c3 \u03c3");
}

TEST(Normalizer, ReplaceTakesPlainTextAndPatterns) {
  EXPECT_EQ(Apply(R"({"type":"Replace","pattern":{"String":"."},)"
                  R"("content":"--"})",
                  "a.b."),
            "a--b--");
  EXPECT_EQ(Apply(R"({"type":"Replace","pattern":{"Regex":" {2,}"},)"
                  R"("content":"_"})",
                  "a  b c   "),
            "a_b c_");
}

TEST(Normalizer, ASequenceKeepsTheWayBack) {
  auto llama = Make(
      R"({"type":"Sequence","normalizers":[)"
      R"({"type":"Prepend","prepend":"\u2581"},)"
      R"({"type":"Replace","pattern":{"String":" "},"content":"\u2581"}]})");
  NormalizedText text("a b");
  ASSERT_TRUE(llama->Normalize(text).ok());
  ASSERT_EQ(text.text(), "\u2581a\u2581b");
  EXPECT_EQ(text.OriginalBegin(3), 0u);
  EXPECT_EQ(text.OriginalEnd(4), 1u);
  EXPECT_EQ(text.OriginalBegin(4), 1u);
  EXPECT_EQ(text.OriginalEnd(7), 2u);
  EXPECT_EQ(text.OriginalEnd(8), 3u);
}

// The last of two texts maps to the first as its parts do one by one.
TEST(NormalizedText, ComposedChangesCoverWhatEachOneCovers) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::string original;
    for (size_t i = random() % 12; i > 0; --i) original += "abc"[random() % 3];
    NormalizedText text(original);
    const auto edit_at_random = [&](NormalizedText& target) {
      TextEdit edit(target.text());
      const size_t size = target.text().size();
      while (edit.position() < size) {
        const size_t step =
            std::min<size_t>(1 + random() % 3, size - edit.position());
        switch (random() % 4) {
          case 0:
            edit.Swap(step, std::string(random() % 3, 'x'));
            break;
          case 1:
            edit.Swap(0, "i");
            edit.Keep(step);
            break;
          default:
            edit.Keep(step);
        }
      }
      edit.Apply(target);
    };
    edit_at_random(text);
    edit_at_random(text);
    uint32_t previous = 0;
    for (uint32_t at = 0; at < text.text().size(); ++at) {
      const uint32_t begin = text.OriginalBegin(at);
      const uint32_t end = text.OriginalEnd(at + 1);
      ASSERT_LE(begin, end);
      ASSERT_LE(end, original.size());
      ASSERT_LE(previous, end);
      previous = end;
      // A letter that no edit touched comes from itself.
      const char c = text.text()[at];
      if (c != 'x' && c != 'i' && end - begin == 1) {
        ASSERT_EQ(original[begin], c);
      }
    }
    ASSERT_EQ(text.OriginalEnd(static_cast<uint32_t>(text.text().size())) <=
                  original.size(),
              true);
  }
}

TEST(Normalizer, WhatIsUnknownIsRefusedByName) {
  auto document =
      JsonDocument::Parse(R"({"type":"Other"})", "tokenizer.json", {});
  EXPECT_EQ(MakeNormalizer(document->root()).status().code(),
            absl::StatusCode::kUnimplemented);
  auto damaged = JsonDocument::Parse(
      R"({"type":"Precompiled","precompiled_charsmap":"AAA"})",
      "tokenizer.json", {});
  EXPECT_EQ(MakeNormalizer(damaged->root()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::tokenizer
