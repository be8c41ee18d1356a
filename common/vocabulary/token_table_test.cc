#include "common/vocabulary/token_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/testing/test_files.h"
#include "common/vocabulary/byte_alphabet.h"

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
  EXPECT_THAT(error(File(R"({"a":0})", "[]", "null")), HasSubstr("decoder"));
  EXPECT_THAT(error(File(R"({"a":0})", "[]", R"({"type":"Fuse"})")),
              HasSubstr("decoder: Fuse is not supported"));
  EXPECT_THAT(error(File("[1]", "[]")), HasSubstr("model.vocab"));
  EXPECT_EQ(Read(File("[1]", "[]")).status().code(),
            absl::StatusCode::kUnimplemented);
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
