#include "services/tokenizer/core/regex/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/tokenizer/core/regex/onig_syntax.h"

namespace sluice::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Matches(std::string_view regex,
                                 std::string_view text) {
  auto pattern = Pattern::Regex(regex);
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  std::vector<std::string> found;
  if (!pattern.ok()) return found;
  EXPECT_TRUE(pattern
                  ->ForEachMatch(text,
                                 [&](size_t begin, size_t end) {
                                   found.emplace_back(
                                       text.substr(begin, end - begin));
                                 })
                  .ok());
  return found;
}

TEST(Pattern, ClassesAreThoseOfUnicode16) {
  EXPECT_THAT(Matches(R"(\p{L}+)", "a\U000323AF1"), ElementsAre("a\U000323AF"));
  EXPECT_THAT(Matches(R"(\s)", "a\u180E b"), ElementsAre(" "));
  EXPECT_THAT(Matches(R"(\d+)", "1\U00010D42x"), ElementsAre("1\U00010D42"));
  EXPECT_THAT(Matches(R"([^\s\p{L}]+)", "ab12 !"), ElementsAre("12", "!"));
}

TEST(Pattern, ClassesHoldClassesAndIntersections) {
  EXPECT_THAT(Matches("[a-w&&[^c-g]]+", "abch"), ElementsAre("ab", "h"));
  EXPECT_THAT(Matches(R"([^\s[.,]]+)", "ab c.d e,f"),
              ElementsAre("ab", "c", "d", "e", "f"));
  EXPECT_THAT(Matches("[[:digit:][:space:]]+", "ab 12 c"), ElementsAre(" 12 "));
  EXPECT_THAT(Matches(R"([\W_]+)", "a_! b"), ElementsAre("_! "));
  EXPECT_THAT(Matches(R"([\u0041-\x{43}-]+)", "xA-Cy"), ElementsAre("A-C"));
}

TEST(Pattern, QuantifiersMeanWhatRubySays) {
  EXPECT_THAT(Matches("[0-9]{3}+", "1234567"), ElementsAre("123456"));
  EXPECT_THAT(Matches("a{,3}b", "aaaab"), ElementsAre("aaab"));
  EXPECT_THAT(Matches("a++ab", "aaab"), IsEmpty());
  EXPECT_THAT(Matches("(?:ab){2}+c", "ababababc"), ElementsAre("ababababc"));
  EXPECT_THAT(Matches("{x", "a{x"), ElementsAre("{x"));
}

TEST(Pattern, CaseFoldsBeyondAsciiToo) {
  EXPECT_THAT(Matches("(?i:'s|'re)", "x'S y'\u017F z'RE"),
              ElementsAre("'S", "'\u017F", "'RE"));
}

TEST(Pattern, WordBordersKnowMarks) {
  EXPECT_THAT(Matches(R"(\ba\b)", "a a\u0301 ba"), ElementsAre("a"));
}

TEST(Pattern, WhatDoesNotCompileIsRefusedByName) {
  for (const char* regex : {"(", "[a", "[b-a]", R"(\p{Nonsense})",
                            R"(\x{110000})", "a{99999}", "\\"}) {
    auto pattern = Pattern::Regex(regex);
    ASSERT_FALSE(pattern.ok()) << regex;
    EXPECT_THAT(std::string(pattern.status().message()),
                HasSubstr("does not compile"));
  }
  EXPECT_FALSE(Pattern::Regex(std::string(70'000, 'a')).ok());
  EXPECT_FALSE(Pattern::Regex(std::string(5000, '[')).ok());
  EXPECT_FALSE(Pattern::Regex(std::string(60'000, '(')).ok());
}

TEST(Pattern, AMatchThatNeedsTooManyStepsIsAnError) {
  auto pattern = Pattern::Regex("(?:a+)+$");
  ASSERT_TRUE(pattern.ok());
  const std::string text = std::string(60, 'a') + "b";
  EXPECT_EQ(pattern->ForEachMatch(text, [](size_t, size_t) {}).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(Pattern, LiteralTextIsNoPattern) {
  auto pattern = Pattern::Literal("a.b");
  ASSERT_TRUE(pattern.ok());
  int count = 0;
  ASSERT_TRUE(
      pattern->ForEachMatch("a.b axb", [&](size_t, size_t) { ++count; }).ok());
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace sluice::tokenizer
