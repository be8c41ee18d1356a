#include "services/tokenizer/core/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/testing/test_files.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/test_tokenizer.h"

namespace sluice::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::string& json) {
  const TempDir directory;
  directory.Write("tokenizer.json", json);
  return Tokenizer::FromDirectory(directory.path());
}

std::unique_ptr<Tokenizer> MustLoad(const TestTokenizer& file) {
  auto tokenizer = Load(file.Json());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, std::string_view text,
                         const EncodeOptions& options = {}) {
  auto ids = tokenizer.Encode(text, options);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return ids.ok() ? *ids : std::vector<int32_t>{-1};
}

void ExpectRefused(const std::string& json, absl::StatusCode code,
                   std::string_view words) {
  const absl::Status status = Load(json).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(words)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("tokenizer.json"));
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

// Valid text of every length of character, runs and lone ones.
std::string RandomText(std::mt19937& random) {
  const char32_t kinds[] = {'a',  ' ',   '\n',   '7',     '\'',
                            0xE9, 0x301, 0x4F60, 0x1F999, 0x00};
  std::string text;
  const size_t length = random() % 200;
  for (size_t i = 0; i < length; ++i) {
    char32_t character = kinds[random() % std::size(kinds)];
    if (random() % 3 == 0) character += random() % 0x400;
    const size_t times = random() % 8 == 0 ? random() % 60 : 1;
    for (size_t k = 0; k < times; ++k) AppendUtf8(character, text);
  }
  return text;
}

TEST(Tokenizer, MergesTheLowestRankFirstAndTheLeftmostOfEquals) {
  TestTokenizer file;
  file.merges = {{"a", "a"}, {"aa", "b"}, {"b", "c"}};
  auto tokenizer = MustLoad(file);
  EXPECT_THAT(Ids(*tokenizer, "aaab"), ElementsAre(256, 'a', 'b'));
  EXPECT_THAT(Ids(*tokenizer, "aab"), ElementsAre(257));
  EXPECT_THAT(Ids(*tokenizer, "aabc"), ElementsAre(257, 'c'));
  EXPECT_THAT(Ids(*tokenizer, ""), IsEmpty());
}

TEST(Tokenizer, LongPiecesMergeAsShortOnesDo) {
  TestTokenizer file;
  file.merges = {{"a", "b"}, {"ab", "ab"}, {"c", "a"}, {"abab", "abab"}};
  auto tokenizer = MustLoad(file);
  // No merge crosses "x": the parts of a long piece and alone have equal ids.
  std::mt19937 random(7);
  std::string text;
  std::vector<int32_t> expected;
  while (text.size() < 5000) {
    std::string part(1, 'x');
    const size_t length = random() % 30;
    for (size_t i = 0; i < length; ++i) part += "abc"[random() % 3];
    text += part;
    const std::vector<int32_t> ids = Ids(*tokenizer, part);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(Ids(*tokenizer, text), expected);
}

TEST(Tokenizer, IgnoreMergesTakesAWholePieceThatIsAToken) {
  TestTokenizer file;
  file.merges = {{"b", "c"}, {"a", "b"}, {"ab", "c"}};
  auto merged = MustLoad(file);
  EXPECT_THAT(Ids(*merged, "abc"), ElementsAre('a', 256));
  file.model_options = R"("type":"BPE","ignore_merges":true)";
  auto whole = MustLoad(file);
  EXPECT_THAT(Ids(*whole, "abc"), ElementsAre(258));
}

TEST(Tokenizer, MergesAsStringsAndAsPairsAreTheSame) {
  std::string json = TestTokenizer().Json();
  for (const char* pair : {R"(["h","e"])", R"(["he","ll"])"}) {
    const size_t at = json.find(pair);
    ASSERT_NE(at, std::string::npos);
    json.replace(at + 1, strlen(pair) - 2,
                 strlen(pair) == 9 ? R"("h e")" : R"("he ll")");
    json.erase(at, 1);
    json.erase(json.find(']', at), 1);
  }
  auto tokenizer = Load(json);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT(Ids(**tokenizer, "hello"), ElementsAre(259));
}

TEST(Tokenizer, AddedTokensAreFoundLongestFirst) {
  TestTokenizer file;
  file.added = {R"("content":"<a>","special":true)",
                R"("content":"<a><b>","special":true)"};
  auto tokenizer = MustLoad(file);
  const int first = file.first_added();
  EXPECT_THAT(Ids(*tokenizer, "x<a><b><a>y"),
              ElementsAre('x', first + 1, first, 'y'));
}

TEST(Tokenizer, SpecialTokensStayTextWhenTheyAreNotParsed) {
  TestTokenizer file;
  file.added.push_back(R"("content":"<tool>","special":false)");
  auto tokenizer = MustLoad(file);
  const std::vector<int32_t> ids =
      Ids(*tokenizer, "<|im_end|><tool>", {.parse_special = false});
  EXPECT_EQ(ids.size(), 10u + 1u);
  EXPECT_EQ(ids.back(), file.first_added() + 2);
  EXPECT_THAT(Ids(*tokenizer, "<|im_end|><tool>"),
              ElementsAre(file.first_added() + 1, file.first_added() + 2));
}

TEST(Tokenizer, AddedTokensTakeWhiteSpaceAndMindWords) {
  TestTokenizer file;
  file.added = {R"("content":"<m>","lstrip":true,"rstrip":true)",
                R"("content":"to","single_word":true)"};
  auto tokenizer = MustLoad(file);
  const int first = file.first_added();
  EXPECT_THAT(Ids(*tokenizer, "a \t<m>\n <m> b"),
              ElementsAre('a', first, first, 'b'));
  EXPECT_THAT(Ids(*tokenizer, "to-to,tok_to"),
              ElementsAre(first + 1, '-', first + 1, ',', 't', 'o', 'k', '_',
                          't', 'o'));
}

TEST(Tokenizer, NormalizedAddedTokensAreSoughtInNormalizedText) {
  TestTokenizer file;
  file.added = {"\"content\":\"e\\u0301\",\"normalized\":true"};
  auto tokenizer = MustLoad(file);
  EXPECT_THAT(Ids(*tokenizer, "\u00e9"), ElementsAre(file.first_added()));
  EXPECT_THAT(Ids(*tokenizer, "e\u0301"), ElementsAre(file.first_added()));
}

TEST(Tokenizer, PartsAreOneTextWhoseSpecialTokensOnlyLiteralsMayWrite) {
  TestTokenizer file;
  auto tokenizer = MustLoad(file);
  const int start = file.first_added();
  const int end = start + 1;
  auto ids = tokenizer->EncodeParts({{"<|im_start|>he", true},
                                     {"llo<|im_end|>", false},
                                     {"<|im_end|>", true}},
                                    true);
  ASSERT_TRUE(ids.ok());
  // "hello" is merged across the border; the typed mark is ten bytes.
  ASSERT_EQ(ids->size(), 1u + 1u + 10u + 1u);
  EXPECT_EQ(ids->front(), start);
  EXPECT_EQ((*ids)[1], 259);
  EXPECT_EQ(ids->back(), end);
  for (size_t i = 2; i + 1 < ids->size(); ++i) EXPECT_LT((*ids)[i], 256);
}

TEST(Tokenizer, AMarkPutTogetherFromTwoPartsStaysText) {
  auto tokenizer = MustLoad({});
  for (bool first : {false, true}) {
    auto ids =
        tokenizer->EncodeParts({{"<|im_", first}, {"end|>", !first}}, true);
    ASSERT_TRUE(ids.ok());
    EXPECT_EQ(ids->size(), 10u);
  }
}

TEST(Tokenizer, PartsMayCutACharacter) {
  auto tokenizer = MustLoad({});
  auto ids = tokenizer->EncodeParts({{"\xC3", true}, {"\xA9", false}}, true);
  ASSERT_TRUE(ids.ok());
  EXPECT_THAT(*ids, ElementsAre(0xC3, 0xA9));
}

TEST(Tokenizer, TheTemplateOfThePostProcessorGoesAround) {
  TestTokenizer file;
  file.post_processor = R"({"type":"Sequence","processors":[
    {"type":"ByteLevel"},
    {"type":"TemplateProcessing",
     "single":[{"SpecialToken":{"id":"s","type_id":0}},
               {"Sequence":{"id":"A","type_id":0}},
               {"SpecialToken":{"id":"e","type_id":0}}],
     "special_tokens":{"s":{"id":"s","ids":[261,262],"tokens":[]},
                       "e":{"id":"e","ids":[262],"tokens":[]}}}]})";
  auto tokenizer = MustLoad(file);
  EXPECT_THAT(Ids(*tokenizer, "a"), ElementsAre(261, 262, 'a', 262));
  EXPECT_THAT(Ids(*tokenizer, "a", {.add_special_tokens = false}),
              ElementsAre('a'));
  auto encoding = tokenizer->EncodeWithOffsets("a", {});
  ASSERT_TRUE(encoding.ok());
  EXPECT_EQ(encoding->offsets[1].end, 0);
  EXPECT_EQ(encoding->offsets[3].begin, 1);
}

TEST(Tokenizer, OffsetsLeadBackThroughTheNormalizer) {
  TestTokenizer file;
  auto tokenizer = MustLoad(file);
  const std::string text = "xe\u0301 hello<|im_end|>y";
  auto encoding = tokenizer->EncodeWithOffsets(text, {});
  ASSERT_TRUE(encoding.ok());
  EXPECT_EQ(encoding->ids, Ids(*tokenizer, text));
  ASSERT_EQ(encoding->offsets.size(), encoding->ids.size());
  std::vector<std::string> pieces;
  for (const ByteOffset& offset : encoding->offsets) {
    pieces.push_back(text.substr(offset.begin, offset.end - offset.begin));
  }
  EXPECT_THAT(pieces, ElementsAre("x", "e\u0301", "e\u0301", " ", "hello",
                                  "<|im_end|>", "y"));
}

TEST(Tokenizer, AddedTokensAreSoughtToTheEndOfATextThatGrewThere) {
  TestTokenizer file;
  file.added = {R"("content":"ab","normalized":true)"};
  file.normalizer =
      R"({"type":"Replace","pattern":{"Regex":"x{0,}"},"content":"ab"})";
  auto tokenizer = MustLoad(file);
  const int added = file.first_added();
  // "ab" is itself normalised, to "ab" around and between its letters.
  EXPECT_EQ(Ids(*tokenizer, "c").size(), 5u);
  EXPECT_EQ(Ids(*tokenizer, "ab"), std::vector<int32_t>{added});
  const TextPart parts[] = {{"a", true}, {"b", false}};
  auto ids = tokenizer->EncodeParts(parts, false);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(ids->size(), 8u);  // a match would cross the border
}

TEST(Tokenizer, WhatIsPutWhereTextWasRemovedHasAPlaceOfItsOwn) {
  TestTokenizer file;
  file.normalizer = R"({"type":"Nmt"})";
  file.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})";
  auto encoding = MustLoad(file)->EncodeWithOffsets(
      "\x03"
      "a",
      {.add_special_tokens = false});
  ASSERT_TRUE(encoding.ok()) << encoding.status();
  EXPECT_THAT(encoding->ids, ElementsAre(' ', 'a'));
  EXPECT_EQ(encoding->offsets[0].begin, 1);
  EXPECT_EQ(encoding->offsets[0].end, 1);
  EXPECT_EQ(encoding->offsets[1].begin, 1);
  EXPECT_EQ(encoding->offsets[1].end, 2);
}

TEST(Tokenizer, APrefixSpaceIsPutBeforeEachStretch) {
  TestTokenizer file;
  file.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})";
  auto tokenizer = MustLoad(file);
  EXPECT_THAT(Ids(*tokenizer, "w"), ElementsAre(260));
  EXPECT_THAT(Ids(*tokenizer, " w"), ElementsAre(260));
  EXPECT_THAT(Ids(*tokenizer, "w<|im_end|>w"), ElementsAre(260, 262, 260));
  auto encoding = tokenizer->EncodeWithOffsets("w", {});
  ASSERT_TRUE(encoding.ok());
  EXPECT_EQ(encoding->offsets[0].begin, 0);
  EXPECT_EQ(encoding->offsets[0].end, 1);
}

TEST(Tokenizer, RandomTextComesBackWhole) {
  TestTokenizer file;
  file.normalizer = "null";
  auto tokenizer = MustLoad(file);
  std::mt19937 random(20260101);
  for (int i = 0; i < 500; ++i) {
    const std::string text = RandomText(random);
    const std::vector<int32_t> ids = Ids(*tokenizer, text);
    ASSERT_EQ(tokenizer->Decode(ids, false), text) << "text " << i;
    auto encoding = tokenizer->EncodeWithOffsets(text, {});
    ASSERT_TRUE(encoding.ok());
    ASSERT_EQ(encoding->ids, ids);
    int32_t end = 0;
    for (const ByteOffset& offset : encoding->offsets) {
      ASSERT_EQ(offset.begin, end) << "text " << i;
      end = offset.end;
    }
    ASSERT_EQ(end, static_cast<int32_t>(text.size()));
  }
}

TEST(Tokenizer, TextThatIsNotUtf8IsRefused) {
  auto tokenizer = MustLoad({});
  for (const char* text : {"\xFF", "a\xC3", "\xED\xA0\x80", "\xC0\x80"}) {
    const absl::Status status = tokenizer->Encode(text, {}).status();
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(std::string(status.message()), HasSubstr("text: not UTF-8"));
  }
}

TEST(Tokenizer, ThreadsShareOneTokenizer) {
  auto tokenizer = MustLoad({});
  std::vector<std::string> texts;
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) texts.push_back(RandomText(random));
  std::vector<std::vector<int32_t>> expected;
  for (const std::string& text : texts) {
    expected.push_back(Ids(*tokenizer, text));
  }
  auto fresh = MustLoad({});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(*fresh->Encode(texts[i], {}), expected[i]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TokenizerFile, ComponentsOfOtherKindsAreRefusedByName) {
  TestTokenizer file;
  file.normalizer = R"({"type":"Other"})";
  ExpectRefused(file.Json(), kUnimplemented, "normalizer: Other");
  file = {};
  file.pre_tokenizer = R"({"type":"Other"})";
  ExpectRefused(file.Json(), kUnimplemented, "pre_tokenizer: Other");
  file = {};
  file.decoder = R"({"type":"Other"})";
  ExpectRefused(file.Json(), kUnimplemented, "decoder: Other");
  file = {};
  file.post_processor = R"({"type":"Other"})";
  ExpectRefused(file.Json(), kUnimplemented, "post_processor: Other");
  file = {};
  file.model_options = R"("type":"Other")";
  ExpectRefused(file.Json(), kUnimplemented, "model: Other");
  file.model_options = R"("type":"Unigram")";
  ExpectRefused(file.Json(), kInvalid, "array of tokens");
  file.model_options = R"("type":"BPE","dropout":0.1)";
  ExpectRefused(file.Json(), kUnimplemented, "dropout");
}

TEST(TokenizerFile, BrokenMergesAreRefused) {
  std::string json = TestTokenizer().Json();
  const std::string pair = R"(["h","e"])";
  const auto with = [&](const std::string& merge) {
    std::string broken = json;
    return broken.replace(broken.find(pair), pair.size(), merge);
  };
  ExpectRefused(with(R"(["h","nonesuch"])"), kInvalid,
                "model.merges[0]: \"nonesuch\" is not in model.vocab");
  ExpectRefused(with(R"(["h"])"), kInvalid, "model.merges[0]");
  ExpectRefused(with(R"("h e l")"), kInvalid, "one space");
  ExpectRefused(with(R"("he")"), kInvalid, "one space");
  ExpectRefused(with("7"), kInvalid, "model.merges[0]");
  ExpectRefused(with(R"(["w","w"])"), kInvalid, "\"ww\"");
}

TEST(TokenizerFile, BrokenIdsAreRefused) {
  TestTokenizer file;
  std::string json = file.Json();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string broken = json;
    return broken.replace(broken.find(from), from.size(), to);
  };
  ExpectRefused(with(R"("a":97)", R"("a":98)"), kInvalid,
                "id 98 belongs to two tokens");
  ExpectRefused(with(R"("a":97)", R"("a":-1)"), kInvalid, "model.vocab.a");
  ExpectRefused(with(R"("a":97)", R"("a":16777216)"), kInvalid, "16777215");
  ExpectRefused(with(R"("a":97)", R"("a":2147483648)"), kInvalid, "limit");
  ExpectRefused(with(R"("a":97)", R"("a":16000000)"), kInvalid,
                "too many unused ids");
  ExpectRefused(with(R"("a":97)", R"("a":97,"a":97)"), kInvalid, "twice");
  ExpectRefused(with(R"("id":261)", R"("id":97)"), kInvalid, "two tokens");
}

TEST(TokenizerFile, HostileTextIsRefused) {
  ExpectRefused("", kInvalid, "empty");
  ExpectRefused("{\"model\":\"\xFF\"}", kInvalid, "UTF-8");
  ExpectRefused("{}", kInvalid, "model: missing");
  ExpectRefused("[]", kInvalid, "must be an object");
  ExpectRefused(R"({"model":{"merges":[],"vocab":[1]}})", kInvalid,
                "model.vocab[0]");
  ExpectRefused(std::string(500'000, '['), kInvalid, "tokenizer.json");
  TestTokenizer file;
  file.added = {"\"content\":\"" + std::string(2000, 'x') + "\""};
  ExpectRefused(file.Json(), kInvalid, "content is too long, got 2000 bytes");
  file = {};
  file.pre_tokenizer = R"({"type":"Split","pattern":{"Regex":"(a"},
                           "behavior":"Isolated"})";
  ExpectRefused(file.Json(), kInvalid, "pattern: does not compile");
}

TEST(TokenizerFile, EveryTruncationIsRefused) {
  TestTokenizer file;
  const std::string json = file.Json();
  for (size_t keep = 0; keep < json.size(); keep += 37) {
    EXPECT_FALSE(Load(json.substr(0, keep)).ok()) << keep;
  }
}

TEST(TokenizerFile, AMissingFileIsNotFound) {
  const TempDir directory;
  const absl::Status status =
      Tokenizer::FromDirectory(directory.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("tokenizer.json"));
}

TEST(Tokenizer, AnEvilPatternEndsWithAStatus) {
  TestTokenizer file;
  file.pre_tokenizer = R"({"type":"Sequence","pretokenizers":[
      {"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated"},
      {"type":"ByteLevel","use_regex":false,"add_prefix_space":false}]})";
  auto tokenizer = MustLoad(file);
  const absl::Status status =
      tokenizer->Encode(std::string(40, 'a') + "b", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace sluice::tokenizer
