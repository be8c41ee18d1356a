#include "common/vocabulary/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "common/testing/test_files.h"
#include "common/vocabulary/stream_decoder.h"
#include "common/vocabulary/token_table.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

SentencePieceModel SmallModel() {
  SentencePieceModel model;
  model.algorithm = SentencePieceAlgorithm::kBpe;
  model.pieces = {{"<unk>", 0, PieceKind::kUnknown},
                  {"<s>", 0, PieceKind::kControl},
                  {"</s>", 0, PieceKind::kControl},
                  {"\u2581", -1, PieceKind::kNormal},
                  {"sop", -2, PieceKind::kNormal}};
  return model;
}

struct Made {
  JsonDocument document;
  TokenTable table;
  Vocabulary vocabulary;
};

absl::StatusOr<JsonDocument> Document(std::string_view config) {
  auto parsed = JsonDocument::Parse(config, "tokenizer_config.json", {});
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return TokenizerOfSentencePiece(SmallModel(), "tokenizer.model",
                                  parsed->root());
}

Made Make(std::string_view config) {
  auto document = Document(config);
  EXPECT_TRUE(document.ok()) << document.status();
  auto table = ReadTokenTable(document->root());
  EXPECT_TRUE(table.ok()) << table.status();
  auto vocabulary = MakeVocabulary(document->root(), *table);
  EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
  return {*std::move(document), *std::move(table), *std::move(vocabulary)};
}

// "t1 A" for a template of id 1 and the text.
std::string Template(const JsonDocument& document, std::string_view key) {
  auto processor = document.root().Find("post_processor");
  if (!processor.has_value()) return "none";
  std::string out;
  EXPECT_TRUE(processor->Get(key)
                  ->ForEachElement([&](const JsonValue& part) {
                    auto item = part.Find("Sequence");
                    if (!item.has_value()) item = part.Find("SpecialToken");
                    out += (out.empty() ? "" : " ");
                    out += *item->GetString("id");
                    return absl::OkStatus();
                  })
                  .ok());
  return out;
}

TEST(SentencePieceTokenizer, WithoutAConfigurationAModelIsWhatItSays) {
  auto document =
      TokenizerOfSentencePiece(SmallModel(), "tokenizer.model", std::nullopt);
  ASSERT_TRUE(document.ok()) << document.status();
  auto table = ReadTokenTable(document->root());
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size, 5);
  EXPECT_TRUE(table->added.empty());
  EXPECT_EQ(Template(*document, "single"), "none");
}

TEST(SentencePieceTokenizer, ChatGlmHasNineTokensBehindTheModel) {
  const Made made = Make(R"({"tokenizer_class":"ChatGLMTokenizer"})");
  ASSERT_EQ(made.vocabulary.size(), 14);
  const char* const names[] = {"[MASK]",   "[gMASK]",       "[sMASK]",
                               "sop",      "eop",           "<|system|>",
                               "<|user|>", "<|assistant|>", "<|observation|>"};
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(made.vocabulary.bytes(5 + i), names[i]);
    EXPECT_TRUE(made.vocabulary.special(5 + i)) << names[i];
  }
  EXPECT_FALSE(made.vocabulary.special(4));  // the text "sop"
  EXPECT_TRUE(made.table.added.empty());     // never sought in text
  EXPECT_EQ(StreamDecoder(made.vocabulary, true).Finish({6, 8, 4, 11}), "sop");
  EXPECT_EQ(Template(made.document, "single"), "t6 t8 A");
  EXPECT_EQ(Template(made.document, "pair"), "t6 t8 A B t2");
}

TEST(SentencePieceTokenizer, BosAndEosStandWhereTheConfigurationWantsThem) {
  const auto single = [](std::string_view config) {
    return Template(*Document(config), "single");
  };
  EXPECT_EQ(single(R"({"tokenizer_class":"LlamaTokenizer"})"), "t1 A");
  EXPECT_EQ(single(R"({"tokenizer_class":"LlamaTokenizer",)"
                   R"("add_bos_token":false})"),
            "none");
  EXPECT_EQ(single(R"({"tokenizer_class":"BaichuanTokenizer"})"), "none");
  EXPECT_EQ(single(R"({"add_eos_token":true,)"
                   R"("eos_token":{"content":"<s>"}})"),
            "A t1");
  EXPECT_EQ(Template(*Document(R"({"tokenizer_class":"LlamaTokenizer",)"
                               R"("add_eos_token":true})"),
                     "pair"),
            "t1 A t2 t1 B t2");
  EXPECT_THAT(std::string(Document(R"({"add_bos_token":true,)"
                                   R"("bos_token":"<bos>"})")
                              .status()
                              .message()),
              HasSubstr("bos_token"));
}

TEST(SentencePieceTokenizer, AddedTokensOfTheConfigurationAreSought) {
  const Made made =
      Make(R"({"added_tokens_decoder":{"5":{"content":"<pad>","special":true},)"
           R"("1":{"content":"<s>","special":true}}})");
  ASSERT_EQ(made.table.added.size(), 2u);
  EXPECT_EQ(made.table.added[0].content, "<s>");
  EXPECT_EQ(made.table.added[0].id, 1);
  EXPECT_EQ(made.table.added[1].id, 5);
  EXPECT_EQ(made.vocabulary.bytes(5), "<pad>");
  EXPECT_TRUE(made.vocabulary.special(5));
}

TEST(SentencePieceTokenizer, ThePublishedChatGlmDirectoryHasItsSpecialIds) {
  auto path = GoldenPath("tokenizers/chatglm3/tokenizer_config.json");
  if (!path.has_value()) GTEST_SKIP() << "SLUICE_TESTDATA has no chatglm3";
  auto vocabulary = ReadVocabulary(path->substr(0, path->rfind('/')));
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(vocabulary->size(), 64798);
  EXPECT_EQ(vocabulary->bytes(64789), "[MASK]");
  EXPECT_EQ(vocabulary->bytes(64790), "[gMASK]");
  EXPECT_EQ(vocabulary->bytes(64792), "sop");
  EXPECT_EQ(vocabulary->bytes(64795), "<|user|>");
  EXPECT_EQ(vocabulary->bytes(64797), "<|observation|>");
  EXPECT_EQ(StreamDecoder(*vocabulary, true)
                .Finish({64790, 64792, 36474, 54591, 64797}),
            "你好");
}

}  // namespace
}  // namespace sluice
