#include "services/tokenizer/chat/jinja/search.h"

#include <gtest/gtest.h>

#include <random>

#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

std::string RandomText(std::mt19937& random, size_t max_size,
                       const std::vector<std::string>& letters) {
  std::string text;
  for (size_t i = random() % (max_size + 1); i > 0; --i) {
    text += letters[random() % letters.size()];
  }
  return text;
}

// Few letters make many matches, and matches that lie over one another.
TEST(SearchTest, FindsWhatTheStandardLibraryFindsFromBothSides) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = RandomText(random, 40, {"a", "b"});
    const std::string wanted = RandomText(random, 6, {"a", "b"});
    const size_t from = random() % (text.size() + 1);
    EXPECT_EQ(FindFirst(text, wanted, from), text.find(wanted, from))
        << text << " " << wanted << " " << from;
    const SearchFromRight search(text, wanted);
    const size_t expected = from < wanted.size()
                                ? std::string::npos
                                : text.rfind(wanted, from - wanted.size());
    EXPECT_EQ(search.FindLast(from), expected)
        << text << " " << wanted << " " << from;
  }
}

// Whole words of eight bytes are counted at once; ends of characters fall on
// and beside their borders here.
TEST(Utf8Test, CountsAndFindsCharactersOfAllSizes) {
  std::mt19937 random(8);
  for (int i = 0; i < 2'000; ++i) {
    const std::string text =
        RandomText(random, 40, {"a", "\u00e9", "\u4f60", "\U0001f642"});
    size_t count = 0;
    for (size_t at = 0; at < text.size(); at += CodePointBytes(text, at)) {
      EXPECT_EQ(OffsetOfCodePoint(text, count), at) << text;
      ++count;
    }
    EXPECT_EQ(CountCodePoints(text), count) << text;
    EXPECT_EQ(OffsetOfCodePoint(text, count), text.size()) << text;
    EXPECT_EQ(OffsetOfCodePoint(text, count + 5), text.size()) << text;
    EXPECT_EQ(IsAscii(text), count == text.size()) << text;
  }
}

}  // namespace
}  // namespace sluice::tokenizer::jinja
