#include "common/modelfiles/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
  return out;
}

std::string Text(std::string_view text) {
  return Little(text.size(), 8) + std::string(text);
}

std::string Pair(std::string_view key, uint32_t type, std::string value) {
  return Text(key) + Little(type, 4) + std::move(value);
}

// A file of five keys and one tensor.
std::string Sample() {
  return "GGUF" + Little(3, 4) + Little(1, 8) + Little(5, 8) +
         Pair("name", 8, Text("tiny")) + Pair("layers", 5, Little(7, 4)) +
         Pair("negative", 1, Little(0xFE, 1)) + Pair("flag", 7, Little(1, 1)) +
         Pair("words", 9,
              Little(8, 4) + Little(2, 8) + Text("a") + Text("bc")) +
         Text("w") + Little(2, 4) + Little(4, 8) + Little(6, 8) +
         Little(12, 4) + Little(64, 8);
}

TEST(Gguf, KeysAndTensorsAreRead) {
  auto file = GgufFile::Parse(Sample(), "tiny.gguf");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*file->GetString("name"), "tiny");
  EXPECT_EQ(*file->GetInt("layers"), 7);
  EXPECT_EQ(*file->GetInt("negative"), -2);
  EXPECT_TRUE(*file->GetBoolOr("flag", false));
  EXPECT_FALSE(*file->GetBoolOr("absent", false));
  EXPECT_THAT(*file->GetStrings("words"), ElementsAre("a", "bc"));
  ASSERT_EQ(file->tensors().size(), 1u);
  EXPECT_EQ(file->tensors()[0].name, "w");
  EXPECT_THAT(file->tensors()[0].shape, ElementsAre(4, 6));
  EXPECT_EQ(file->tensors()[0].type, 12u);
  EXPECT_EQ(file->tensors()[0].offset, 64u);
  EXPECT_EQ(file->data_offset() % 32, 0u);
  EXPECT_GE(file->data_offset(), Sample().size());
}

TEST(Gguf, AKeyThatIsMissingOrOfAnotherKindIsNamed) {
  auto file = GgufFile::Parse(Sample(), "tiny.gguf");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(std::string(file->GetInt("name").status().message()),
              HasSubstr("tiny.gguf: name: missing, or not a whole number"));
  EXPECT_FALSE(file->GetString("absent").ok());
  EXPECT_FALSE(file->GetBoolOr("layers", true).ok());
}

TEST(Gguf, EveryTruncationIsRefused) {
  const std::string whole = Sample();
  for (size_t keep = 0; keep < whole.size(); ++keep) {
    EXPECT_FALSE(GgufFile::Parse(whole.substr(0, keep), "cut").ok()) << keep;
  }
}

TEST(Gguf, EveryChangedByteEndsWithAnAnswer) {
  const std::string whole = Sample();
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\x7f', '\xff'}) {
      std::string changed = whole;
      changed[at] = byte;
      const auto file = GgufFile::Parse(changed, "changed");
      if (!file.ok()) {
        EXPECT_THAT(std::string(file.status().message()), HasSubstr("changed"));
      }
    }
  }
}

}  // namespace
}  // namespace sluice
