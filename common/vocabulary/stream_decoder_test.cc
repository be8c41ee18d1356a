#include "common/vocabulary/stream_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/base/utf8.h"
#include "common/vocabulary/utf8.h"

namespace sluice {
namespace {

// Byte b has id b; 256 is special, 257 nothing, 258 a word with its space.
Vocabulary MakeVocabulary(DecodeRules rules = {}) {
  std::vector<VocabularyEntry> entries;
  for (int byte = 0; byte < 256; ++byte) {
    entries.push_back({std::string(1, static_cast<char>(byte)), false});
  }
  entries.push_back({"<|end|>", true});
  entries.push_back({"", false});
  entries.push_back({" word", false});
  return *Vocabulary::Create(std::move(entries), rules);
}

std::string OneShot(const Vocabulary& vocabulary,
                    const std::vector<int32_t>& ids, bool skip = true) {
  return StreamDecoder(vocabulary, skip).Finish(ids);
}

TEST(StreamDecoder, HoldsACharacterUntilItIsWhole) {
  const Vocabulary vocabulary = MakeVocabulary();
  StreamDecoder decoder(vocabulary, true);
  EXPECT_EQ(decoder.Push({0xF0}), "");
  EXPECT_EQ(decoder.Push({0x9F, 0xA6}), "");
  EXPECT_EQ(decoder.Push({0x99, 'x', 0xC3}), "🦙x");
  EXPECT_EQ(decoder.Finish(), "\uFFFD");
}

TEST(StreamDecoder, InvalidBytesBecomeOneReplacementForEachMaximalPart) {
  const Vocabulary vocabulary = MakeVocabulary();
  const auto decode = [&](std::vector<int32_t> ids) {
    return OneShot(vocabulary, ids);
  };
  EXPECT_EQ(decode({0x80}), "\uFFFD");
  EXPECT_EQ(decode({0xE4, 0xBD, 'a'}), "\uFFFDa");
  EXPECT_EQ(decode({0xF0, 0x9F, 0xA6}), "\uFFFD");
  EXPECT_EQ(decode({0xE0, 0x80, 0x80}), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decode({0xED, 0xA0, 0x80}), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decode({0xC0, 0xAF}), "\uFFFD\uFFFD");
  EXPECT_EQ(decode({0xF5, 'a'}), "\uFFFDa");
  EXPECT_EQ(decode({0xF4, 0x90, 0x80, 0x80}), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decode({0xE4, 0xE4, 0xBD, 0xA0}), "\uFFFD你");
}

TEST(StreamDecoder, SpecialIdsAndIdsOutsideAreLeftOut) {
  const Vocabulary vocabulary = MakeVocabulary();
  const std::vector<int32_t> ids = {'a', 256, 257, 9999, -3, 'b'};
  EXPECT_EQ(OneShot(vocabulary, ids), "ab");
  EXPECT_EQ(OneShot(vocabulary, ids, /*skip=*/false), "a<|end|>b");
}

TEST(StreamDecoder, TrimTakesTheEndOfTheLastIdsOnly) {
  const Vocabulary vocabulary = MakeVocabulary();
  const auto finish = [&](std::vector<int32_t> ids, int32_t trim) {
    StreamDecoder decoder(vocabulary, true);
    const std::string first = decoder.Push({'a', 'b'});
    return first + decoder.Finish(ids, trim);
  };
  EXPECT_EQ(finish({258}, 3), "ab w");
  EXPECT_EQ(finish({258}, 5), "ab");
  EXPECT_EQ(finish({258}, 50), "ab");
  EXPECT_EQ(finish({258}, -1), "ab word");
  EXPECT_EQ(finish({0xE4, 0xBD, 0xA0, '!'}, 1), "ab你");
}

TEST(StreamDecoder, OneLeadingSpaceIsDroppedWhereTheRulesSaySo) {
  const Vocabulary vocabulary = MakeVocabulary({.strip_leading_space = true});
  EXPECT_EQ(OneShot(vocabulary, {258, 258}), "word word");
  EXPECT_EQ(OneShot(vocabulary, {256, 257, 258}), "word");
  EXPECT_EQ(OneShot(vocabulary, {' ', ' ', 'a'}), " a");
  StreamDecoder decoder(vocabulary, true);
  EXPECT_EQ(decoder.Push({' '}), "");
  EXPECT_EQ(decoder.Push({' ', 'x'}), " x");
}

TEST(StreamDecoder, LeadingSpacesGoUntilTextComesButNotOffATokenTakenAsItIs) {
  std::vector<VocabularyEntry> entries = {
      {" "}, {" a"}, {" ? ", false, " ? "}, {"", true}};
  const Vocabulary vocabulary = *Vocabulary::Create(
      std::move(entries), {.strip_content = " ", .strip_leading = 9});
  EXPECT_EQ(OneShot(vocabulary, {0, 0, 1, 1}), "a a");
  EXPECT_EQ(OneShot(vocabulary, {2, 1}), " ?  a");
  EXPECT_EQ(OneShot(vocabulary, {0, 3, 2, 0, 1}), " ?   a");
  StreamDecoder decoder(vocabulary, true);
  EXPECT_EQ(decoder.Push({0}), "");
  EXPECT_EQ(decoder.Push({2}), " ? ");
}

TEST(StreamDecoder, EveryWayToCutAStreamGivesTheSameWholeText) {
  const Vocabulary vocabulary = MakeVocabulary();
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::vector<int32_t> ids;
    const size_t length = random() % 30;
    for (size_t i = 0; i < length; ++i) {
      // Bytes that meet in many right and wrong ways.
      static constexpr int32_t kBytes[] = {0xF0, 0x9F, 0xA6, 0x99, 0xE4, 0xBD,
                                           0xA0, 0xC3, 0xED, 'a',  256,  258};
      ids.push_back(random() % 4 == 0 ? static_cast<int32_t>(random() % 260)
                                      : kBytes[random() % std::size(kBytes)]);
    }
    const std::string expected = OneShot(vocabulary, ids);
    ASSERT_TRUE(IsValidUtf8(expected));
    StreamDecoder decoder(vocabulary, true);
    std::string text;
    size_t at = 0;
    while (at < ids.size()) {
      const size_t take = std::min<size_t>(1 + random() % 4, ids.size() - at);
      const std::string piece =
          decoder.Push(absl::MakeConstSpan(ids).subspan(at, take));
      ASSERT_TRUE(IsValidUtf8(piece));
      text += piece;
      at += take;
    }
    text += decoder.Finish();
    ASSERT_EQ(text, expected) << "round " << round;
  }
}

TEST(Utf8, IncompleteTailsAreThoseThatMayStillBecomeACharacter) {
  EXPECT_EQ(IncompleteTail(""), 0u);
  EXPECT_EQ(IncompleteTail("a"), 0u);
  EXPECT_EQ(IncompleteTail("\xC3"), 1u);
  EXPECT_EQ(IncompleteTail("a\xE4\xBD"), 2u);
  EXPECT_EQ(IncompleteTail("\xF0\x9F\xA6"), 3u);
  EXPECT_EQ(IncompleteTail("\xF0\x9F\xA6\x99"), 0u);
  EXPECT_EQ(IncompleteTail("\xE0\x80"), 0u);  // can never become one
  EXPECT_EQ(IncompleteTail("\xC3\xA9\x80\x80"), 0u);
  EXPECT_EQ(IncompleteTail("\xFF"), 0u);
}

TEST(Utf8, CharactersOfEveryLengthComeBack) {
  for (char32_t c : {U'\0', U'a', U'\u007F', U'\u0080', U'\u07FF', U'\u0800',
                     U'\uFFFF', U'\U00010000', U'\U0010FFFF'}) {
    std::string text;
    AppendUtf8(c, text);
    EXPECT_TRUE(IsValidUtf8(text));
    EXPECT_EQ(Utf8Length(text[0]), text.size());
    EXPECT_EQ(DecodeUtf8(text.data()), c);
  }
}

}  // namespace
}  // namespace sluice
