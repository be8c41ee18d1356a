// The scanners against PCRE2 on the same patterns, and pieces worked out by
// hand where the patterns are delicate.

#include "services/tokenizer/core/pre_tokenizers/scanners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/pre_tokenizers/family_scanners.h"
#include "services/tokenizer/core/pre_tokenizers/match_splitter.h"

namespace sluice::tokenizer {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Pieces(const Splitter& splitter,
                                std::string_view text) {
  std::vector<Piece> pieces;
  const absl::Status status =
      splitter.Split(text, {0, static_cast<uint32_t>(text.size())}, pieces);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> out;
  for (const Piece& piece : pieces) out.push_back(std::string(piece.In(text)));
  return out;
}

struct RegexSplit {
  std::string pattern;
  bool literal = false;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
};

absl::StatusOr<std::unique_ptr<Splitter>> MakeRegexSplitter(
    const RegexSplit& split) {
  auto pattern = split.literal ? Pattern::Literal(split.pattern)
                               : Pattern::Regex(split.pattern);
  if (!pattern.ok()) return pattern.status();
  return MakePatternSplitter(*std::move(pattern), split.behavior, split.invert);
}

std::vector<std::string> Scan(std::string_view pattern, std::string_view text) {
  return Pieces(*MakeScanner(pattern), text);
}

TEST(Scanners, AnUnknownPatternHasNone) {
  EXPECT_EQ(MakeScanner(R"(\s+)"), nullptr);
  EXPECT_EQ(MakeScanner(""), nullptr);
}

TEST(Scanners, ARunOfSpacesGivesItsLastOneToTheWord) {
  for (std::string_view pattern :
       {kGpt2Pattern, kQwen2Pattern, kLlama3Pattern}) {
    EXPECT_THAT(Scan(pattern, "a   b"), ElementsAre("a", "  ", " b"));
    EXPECT_THAT(Scan(pattern, "a  "), ElementsAre("a", "  "));
    EXPECT_THAT(Scan(pattern, "a b"), ElementsAre("a", " b"));
  }
}

TEST(Scanners, NewlinesEndARunWhereThePatternSaysSo) {
  EXPECT_THAT(Scan(kQwen2Pattern, "a \n\n  b"),
              ElementsAre("a", " \n\n", " ", " b"));
  EXPECT_THAT(Scan(kQwen2Pattern, "a!\r\n b"), ElementsAre("a", "!\r\n", " b"));
  EXPECT_THAT(Scan(kGpt2Pattern, "a \n\n  b"),
              ElementsAre("a", " \n\n ", " b"));
}

TEST(Scanners, NumbersAreCutAsThePatternCounts) {
  EXPECT_THAT(Scan(kGpt2Pattern, "x 12345"), ElementsAre("x", " 12345"));
  EXPECT_THAT(Scan(kQwen2Pattern, "x 123"),
              ElementsAre("x", " ", "1", "2", "3"));
  EXPECT_THAT(Scan(kLlama3Pattern, "x 12345"),
              ElementsAre("x", " ", "123", "45"));
}

TEST(Scanners, ContractionsMindTheirCase) {
  EXPECT_THAT(Scan(kGpt2Pattern, "I'll I'LL"),
              ElementsAre("I", "'ll", " I", "'", "LL"));
  EXPECT_THAT(Scan(kQwen2Pattern, "I'll I'LL he'\u017F"),
              ElementsAre("I", "'ll", " I", "'LL", " he", "'\u017F"));
  EXPECT_THAT(Scan(kQwen2Pattern, "'tis 'x"),
              ElementsAre("'t", "is", " '", "x"));
}

char32_t RandomCharacter(std::mt19937& random) {
  static constexpr char32_t kDelicate[] = {
      ' ',  ' ',  '\n',  '\r',  '\t',   '\'',   's',    'T',     'l',   'L',
      'r',  'E',  'v',   'm',   'd',    '1',    '!',    '.',     0x17F, 0xA0,
      0x85, 0xBD, 0x660, 0x301, 0x2028, 0x3000, 0x4F60, 0x1F999, 0x180E};
  if (random() % 8 != 0) return kDelicate[random() % std::size(kDelicate)];
  // The basic plane up to the surrogates, where Unicode 14 has most of its
  // letters already; what is newer is compared by class in the other test.
  return random() % 0xD800;
}

class AgainstEngine : public ::testing::TestWithParam<std::string_view> {};

TEST_P(AgainstEngine, RandomTextIsCutAlike) {
  auto engine = MakeRegexSplitter({.pattern = std::string(GetParam())});
  ASSERT_TRUE(engine.ok()) << engine.status();
  auto scanner = MakeScanner(GetParam());
  std::mt19937 random(42);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const size_t length = random() % 12;
    for (size_t k = 0; k < length; ++k) {
      AppendUtf8(RandomCharacter(random), text);
    }
    ASSERT_EQ(Pieces(*scanner, text), Pieces(**engine, text))
        << ::testing::PrintToString(text);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Patterns, AgainstEngine,
    ::testing::Values(kGpt2Pattern, kQwen2Pattern, kLlama3Pattern,
                      kDeepseekNumbersPattern, kDeepseekIdeographsPattern,
                      kDeepseekWordsPattern, kNewlinePattern,
                      kSpacedLettersPattern, kSpacedPunctuationPattern,
                      kYoutuPattern, kO200kPattern));

TEST(Digits, AreCutOutAloneOrAsRuns) {
  EXPECT_THAT(Pieces(*MakeDigitsSplitter(true), "a12½ b3"),
              ElementsAre("a", "1", "2", "½", " b", "3"));
  EXPECT_THAT(Pieces(*MakeDigitsSplitter(false), "a12½ b3"),
              ElementsAre("a", "12½", " b", "3"));
}

TEST(RegexSplitter, EveryBehaviorDoesWhatItsNameSays) {
  const auto split = [](SplitBehavior behavior, bool invert = false) {
    auto splitter = MakeRegexSplitter(
        {.pattern = "-", .behavior = behavior, .invert = invert});
    EXPECT_TRUE(splitter.ok());
    return Pieces(**splitter, "the-final--countdown");
  };
  EXPECT_THAT(split(SplitBehavior::kRemoved),
              ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kIsolated),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithPrevious),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kMergedWithNext),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(split(SplitBehavior::kContiguous),
              ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(split(SplitBehavior::kRemoved, true), ElementsAre("-", "-", "-"));
}

TEST(RegexSplitter, ALiteralIsNotAPattern) {
  auto splitter = MakeRegexSplitter({.pattern = "a.c", .literal = true});
  ASSERT_TRUE(splitter.ok());
  EXPECT_THAT(Pieces(**splitter, "abca.c"), ElementsAre("abc", "a.c"));
}

TEST(RegexSplitter, LineEndsStandAtEveryLine) {
  auto splitter = MakeRegexSplitter({.pattern = "b$"});
  ASSERT_TRUE(splitter.ok());
  EXPECT_THAT(Pieces(**splitter, "ab\nab"), ElementsAre("a", "b", "\na", "b"));
}

TEST(RegexSplitter, ClassesAreThoseOfUnicode16) {
  auto letters = MakeRegexSplitter({.pattern = R"(\p{L}+)"});
  auto others = MakeRegexSplitter({.pattern = R"([^\s\p{L}\p{N}]+)"});
  auto not_letters = MakeRegexSplitter({.pattern = R"(\P{L}+)"});
  ASSERT_TRUE(letters.ok() && others.ok() && not_letters.ok());
  // U+323AF is a letter since Unicode 15, U+1CCF0 a number since 16.
  EXPECT_THAT(Pieces(**letters, "!\U000323AF!"),
              ElementsAre("!", "\U000323AF", "!"));
  EXPECT_THAT(Pieces(**others, "!\U000323AF\U0001CCF0!"),
              ElementsAre("!", "\U000323AF\U0001CCF0", "!"));
  EXPECT_THAT(Pieces(**not_letters, "!\U000323AF!"),
              ElementsAre("!", "\U000323AF", "!"));
}

}  // namespace
}  // namespace sluice::tokenizer
