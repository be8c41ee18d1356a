#include "services/tokenizer/core/unicode/char_classes.h"

#include <gtest/gtest.h>

namespace sluice::tokenizer {
namespace {

TEST(CharClasses, KnowTheirCharacters) {
  const CharClasses classes;
  EXPECT_EQ(classes.Of('a'), kLetter | kWord);
  EXPECT_EQ(classes.Of('_'), kPunctuation | kWord);
  EXPECT_EQ(classes.Of(' '), kSpace);
  EXPECT_EQ(classes.Of(0x180E), 0);  // no space since Unicode 6.3
  EXPECT_EQ(classes.Of(0xBD), kNumber | kWord | kDigit);
  EXPECT_EQ(classes.Of(0x301), kMark | kWord);
  EXPECT_EQ(classes.Of(0x1F999), kSymbol);
  EXPECT_EQ(classes.Of(0x10FFFF), 0);
  EXPECT_EQ(classes.Of(0x110000), 0);
  EXPECT_EQ(classes.Of(0x323AF), kLetter | kWord);
  EXPECT_EQ(classes.At("\u4f60"), kLetter | kWord);
  int letters = 0;
  for (char32_t c = 0; c < 0x110000; ++c) letters += classes.Of(c) & kLetter;
  EXPECT_EQ(letters, 141'028);
}

TEST(CharClasses, KindsOfLettersTogetherAreTheLetters) {
  size_t characters = 0;
  for (CharClass kind : {kUpper, kLower, kTitle, kModifier, kOtherLetter}) {
    for (const ClassRange& range : CharClasses::RangesOf(kind)) {
      characters += range.last - range.first + 1;
    }
  }
  EXPECT_EQ(characters, 141'028u);
}

TEST(CharClasses, RangesAscendAndAreApart) {
  for (CharClass wanted : {kLetter, kNumber, kSpace, kWord, kUpper}) {
    const std::vector<ClassRange> ranges = CharClasses::RangesOf(wanted);
    ASSERT_FALSE(ranges.empty());
    for (size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_LE(ranges[i].first, ranges[i].last);
      if (i == 0) continue;
      EXPECT_GT(ranges[i].first, ranges[i - 1].last + 1);
    }
  }
}

}  // namespace
}  // namespace sluice::tokenizer
