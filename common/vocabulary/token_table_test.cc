#include "common/vocabulary/token_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/test_files.h"
#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/stream_decoder.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

std::string File(const std::string& vocab, const std::string& added,
                 const std::string& decoder = R"({"type":"ByteLevel"})") {
  return absl::StrCat(R"({"model":{"vocab":)", vocab, R"(},"added_tokens":)",
                      added, R"(,"decoder":)", decoder, "}");
}

absl::StatusOr<Vocabulary> Read(const std::string& json) {
  const TempDir directory;
  directory.Write("tokenizer.json", json);
  return ReadVocabulary(directory.path());
}

TEST(TokenTable, SpellingsBecomeBytesAndAddedTokensKeepTheirFlags) {
  auto vocabulary = Read(File(R"({"a":0,"Ġa":1,"Ã":2})",
                              R"([{"id":3,"content":"<s> ","special":true},
                                  {"id":4,"content":"x","special":false}])"));
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(vocabulary->size(), 5);
  EXPECT_EQ(vocabulary->bytes(1), " a");
  EXPECT_EQ(vocabulary->bytes(2), "\xC3");
  EXPECT_EQ(vocabulary->bytes(3), "<s> ");  // a space is no letter
  EXPECT_TRUE(vocabulary->special(3));
  EXPECT_FALSE(vocabulary->special(4));
}

TEST(TokenTable, AnAddedTokenThatTheModelSpellsHasTheModelsId) {
  auto vocabulary = Read(
      File(R"({"a":0,"b":1})", R"([{"id":9,"content":"b","special":true}])"));
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(vocabulary->size(), 2);
  EXPECT_TRUE(vocabulary->special(1));
}

TEST(TokenTable, FewUnusedIdsAreNothing) {
  auto vocabulary = Read(File(R"({"a":0,"b":7})", "[]"));
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(vocabulary->size(), 8);
  EXPECT_EQ(vocabulary->bytes(3), "");
}

TEST(TokenTable, BadIdsAndDecodersAreRefused) {
  const auto error = [](const std::string& json) {
    return std::string(Read(json).status().message());
  };
  EXPECT_THAT(error(File(R"({"a":0,"b":0})", "[]")), HasSubstr("two tokens"));
  EXPECT_THAT(error(File(R"({"a":9000000})", "[]")), HasSubstr("unused ids"));
  EXPECT_THAT(error(File(R"({"a":16777216})", "[]")), HasSubstr("limit"));
  EXPECT_THAT(error(File(R"({"a":"0"})", "[]")), HasSubstr("whole number"));
  EXPECT_THAT(error(File(R"({"a":0})", R"([{"id":1}])")),
              HasSubstr("added_tokens[0].content: missing"));
  EXPECT_THAT(error(File(R"({"a":0})", "[]", R"({"type":"Other"})")),
              HasSubstr("decoder: Other is not supported"));
  EXPECT_THAT(error(File(R"({"a":0})", "[]",
                         R"({"type":"Sequence","decoders":[{"type":"Fuse"},)"
                         R"({"type":"WordPiece"}]})")),
              HasSubstr("WordPiece behind joined tokens"));
  EXPECT_THAT(error(File("[1]", "[]")), HasSubstr("model.vocab[0]"));
  EXPECT_THAT(error(File(R"([["a"]])", "[]")), HasSubstr("got 1 values"));
  EXPECT_THAT(error(File(R"({"a":0})", R"([{"id":0,"content":"b"}])")),
              HasSubstr("two tokens"));
}

TEST(TokenTable, AddedTokensGetTheIdsBehindTheModel) {
  auto vocabulary = Read(File(
      R"({"a":0,"b":1})",
      R"([{"id":50,"content":"x"},{"id":60,"content":"y","special":true}])"));
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(vocabulary->size(), 4);
  EXPECT_EQ(vocabulary->bytes(2), "x");
  EXPECT_TRUE(vocabulary->special(3));
}

std::string Decoded(const std::string& decoder,
                    const std::vector<std::string>& tokens) {
  std::string vocab;
  std::vector<int32_t> ids;
  for (const std::string& token : tokens) {
    const auto id = static_cast<int32_t>(ids.size());
    absl::StrAppend(&vocab, ids.empty() ? "" : ",", "\"", token, "\":", id);
    ids.push_back(id);
  }
  auto vocabulary = Read(File("{" + vocab + "}", "[]", decoder));
  EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
  const std::string whole = StreamDecoder(*vocabulary, false).Finish(ids);
  StreamDecoder one_by_one(*vocabulary, false);
  std::string pieces;
  for (int32_t id : ids) pieces += one_by_one.Push({id});
  EXPECT_EQ(pieces + one_by_one.Finish(), whole);
  return whole;
}

TEST(TokenTable, EveryDecoderJoinsTokensAsTheReference) {
  EXPECT_EQ(Decoded(R"({"type":"Metaspace"})", {"▁▁a", "▁b", "c"}), "a bc");
  EXPECT_EQ(
      Decoded(R"({"type":"Metaspace","prepend_scheme":"never"})", {"▁a", "▁b"}),
      " a b");
  EXPECT_EQ(Decoded(R"({"type":"WordPiece"})", {"hug", "##s", ",", "do"}),
            "hugs, do");
  EXPECT_EQ(Decoded(R"({"type":"BPEDecoder"})", {"a</w>", "b", "c</w>"}),
            "a bc");
  EXPECT_EQ(Decoded(R"({"type":"CTC"})", {"<pad>", "a", "|", "b"}), "a b");
  EXPECT_EQ(Decoded("null", {"a", "b"}), "a b");
  EXPECT_EQ(Decoded(R"({"type":"Replace","pattern":{"Regex":"_+"},)"
                    R"("content":" "})",
                    {"__a", "b_"}),
            " ab ");
  EXPECT_EQ(Decoded(R"({"type":"Sequence","decoders":[{"type":"Replace",)"
                    R"("pattern":{"String":"▁"},"content":" "},)"
                    R"({"type":"ByteFallback"},{"type":"Fuse"},)"
                    R"({"type":"Strip","content":" ","start":1,"stop":0}]})",
                    {"▁▁a", "<0xE4>", "<0xBD>", "<0xA0>", "▁b"}),
            " a你 b");
  EXPECT_EQ(Decoded(R"({"type":"Sequence","decoders":[{"type":"Fuse"},)"
                    R"({"type":"Strip","content":"-","start":1,"stop":2}]})",
                    {"--a", "-b-", "--"}),
            "-a-b-");
}

TEST(ByteAlphabet, EveryByteHasALetterAndComesBack) {
  const ByteAlphabet alphabet;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<char>(byte));
  }
  EXPECT_EQ(alphabet.BytesOf(alphabet.SpellingOf(all)), all);
  EXPECT_EQ(alphabet.SpellingOf(" \n!"), "ĠĊ!");
  EXPECT_EQ(alphabet.BytesOf("你"), std::nullopt);
  EXPECT_EQ(alphabet.BytesOf(" "), std::nullopt);
}

}  // namespace
}  // namespace sluice
