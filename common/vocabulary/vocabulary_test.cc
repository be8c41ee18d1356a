#include "common/vocabulary/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/sha256.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

Vocabulary Make(std::vector<VocabularyEntry> entries, DecodeRules rules = {}) {
  auto vocabulary = Vocabulary::Create(std::move(entries), rules);
  EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
  return *std::move(vocabulary);
}

TEST(Vocabulary, IdsOutsideHaveNoBytesAndAreNotSpecial) {
  const Vocabulary vocabulary = Make({{"a", true}, {"\xFF", false}});
  EXPECT_EQ(vocabulary.size(), 2);
  EXPECT_EQ(vocabulary.bytes(0), "a");
  EXPECT_EQ(vocabulary.bytes(1), "\xFF");
  EXPECT_TRUE(vocabulary.special(0));
  EXPECT_FALSE(vocabulary.special(1));
  for (int32_t id : {-1, 2, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(vocabulary.bytes(id), "");
    EXPECT_FALSE(vocabulary.special(id));
  }
}

TEST(Vocabulary, TheHashIsTheDocumentedOne) {
  const std::string bytes(
      "\x02\0\0\0\x01\0\0\0"   // size, rules
      "\x01\0\0\0\x01\0\0\0a"  // special, length, bytes
      "\0\0\0\0\x02\0\0\0bc",
      27);
  EXPECT_EQ(
      Make({{"a", true}, {"bc", false}}, {.strip_leading_space = true}).hash(),
      Sha256Hex(bytes));
}

TEST(Vocabulary, WhateverDecodesDifferentlyHashesDifferently) {
  const std::string hash = Make({{"a", false}, {"b", false}}).hash();
  EXPECT_EQ(Make({{"a", false}, {"b", false}}).hash(), hash);
  EXPECT_NE(Make({{"b", false}, {"a", false}}).hash(), hash);
  EXPECT_NE(Make({{"ab", false}, {"", false}}).hash(), hash);
  EXPECT_NE(Make({{"a", true}, {"b", false}}).hash(), hash);
  EXPECT_NE(Make({{"a", false}, {"b", false}, {"", false}}).hash(), hash);
  EXPECT_NE(
      Make({{"a", false}, {"b", false}}, {.strip_leading_space = true}).hash(),
      hash);
}

TEST(Vocabulary, AnEntryOverTheLimitIsRefused) {
  const absl::Status status =
      Vocabulary::Create({{"", false}, {std::string(65537, 'x'), false}}, {})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("id 1 is too long, got 65537 bytes, limit 65536"));
}

}  // namespace
}  // namespace sluice
