#include "common/modelfiles/sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <string>

namespace sluice {
namespace {

using ::testing::HasSubstr;

std::string Field(int number, std::string_view bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         static_cast<char>(bytes.size()) + std::string(bytes);
}

std::string Number(int number, int value) {
  return std::string(1, static_cast<char>(number << 3)) +
         static_cast<char>(value);
}

std::string Piece(std::string_view text, float score, int kind) {
  std::string inside = Field(1, text) + static_cast<char>(2 << 3 | 5);
  const auto raw = std::bit_cast<uint32_t>(score);
  for (int i = 0; i < 4; ++i) inside += static_cast<char>(raw >> 8 * i);
  return Field(1, inside + Number(3, kind));
}

std::string Sample() {
  return Piece("<unk>", 0, 2) + Piece("a", -1.5F, 1) + Piece("b", -2, 4) +
         Field(2, Number(3, 2) + Field(7, "ignored")) +
         Field(3, Number(3, 0) + Number(4, 1));
}

TEST(SentencePieceModel, PiecesAndRulesAreRead) {
  auto model = ParseSentencePiece(Sample(), "tokenizer.model");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->pieces.size(), 3u);
  EXPECT_EQ(model->pieces[0].kind, PieceKind::kUnknown);
  EXPECT_EQ(model->pieces[1].text, "a");
  EXPECT_EQ(model->pieces[1].score, -1.5F);
  EXPECT_EQ(model->pieces[2].kind, PieceKind::kUserDefined);
  EXPECT_EQ(model->algorithm, SentencePieceAlgorithm::kBpe);
  EXPECT_FALSE(model->add_dummy_prefix);
  EXPECT_TRUE(model->remove_extra_whitespaces);
  EXPECT_EQ(model->unknown_surface, " \u2047 ");
}

TEST(SentencePieceModel, DamagedPiecesAreRefusedByName) {
  const auto error = [](const std::string& bytes) {
    return std::string(ParseSentencePiece(bytes, "x").status().message());
  };
  EXPECT_THAT(error(""), HasSubstr("x: it has no pieces"));
  EXPECT_THAT(error(Piece("\xff", 0, 1)), HasSubstr("pieces[0]: text is not"));
  EXPECT_THAT(error(Piece("a", 0, 1) + Piece("a", 0, 1)), HasSubstr("twice"));
  EXPECT_THAT(error(Piece("a", 0, 9)), HasSubstr("unknown type, got 9"));
  EXPECT_THAT(error(Piece("", 0, 1)), HasSubstr("text of 0 bytes"));
  EXPECT_THAT(error(Sample() + Field(2, Number(3, 4))),
              HasSubstr("model_type"));
}

TEST(SentencePieceModel, AFieldThatIsCutOffIsRefused) {
  const std::string whole = Piece("abc", 1, 1);
  for (size_t keep = 1; keep < whole.size(); ++keep) {
    EXPECT_FALSE(ParseSentencePiece(whole.substr(0, keep), "cut").ok()) << keep;
  }
}

}  // namespace
}  // namespace sluice
