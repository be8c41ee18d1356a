#include "bench/peers/gguf/gguf_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace sluice::bench {
namespace {

std::vector<float> Normal(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

float Largest(const float* values, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(values[i]));
  }
  return largest;
}

// `share` of the largest magnitude among the values that share a scale.
void ExpectWithin(GgufType type, int64_t group, float share) {
  const std::vector<float> values = Normal(8 * 256, 7);
  std::vector<uint8_t> blocks;
  AppendBlocks(type, values.data(), values.size(), blocks);
  ASSERT_EQ(blocks.size(), values.size() / BlockValues(type) *
                               static_cast<size_t>(BlockBytes(type)));
  const std::vector<float> back =
      UnpackBlocks(type, blocks.data(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float largest = Largest(&values[i / group * group], group);
    EXPECT_NEAR(back[i], values[i], share * largest) << i;
  }
}

TEST(GgufBlocks, FloatsComeBackAsTheyWere) {
  ExpectWithin(GgufType::kF32, 1, 0);
}

// Half a step, and what the scale's 11 bits leave of 127 steps.
TEST(GgufBlocks, Q80ErrsByHalfAStep) {
  ExpectWithin(GgufType::kQ80, 32, 0.5f / 127 + 1.0f / 2048);
}

// The far end of the range is one step short.
TEST(GgufBlocks, Q40ErrsByAStep) {
  ExpectWithin(GgufType::kQ40, 32, 1.0f / 8 + 1.0f / 1024);
}

// The scale of a sub-block is rounded to 1/128 of the block's largest: up to
// half of that in 32 steps, which normal numbers keep below a fifth.
TEST(GgufBlocks, Q6KErrsByLittleMoreThanAStep) {
  ExpectWithin(GgufType::kQ6K, 16, 1.0f / 32 + 0.02f);
}

TEST(GgufBlocks, NothingButZerosStaysZero) {
  for (const GgufType type : {GgufType::kQ40, GgufType::kQ80, GgufType::kQ6K}) {
    const std::vector<float> zeros(256);
    std::vector<uint8_t> blocks;
    AppendBlocks(type, zeros.data(), 256, blocks);
    EXPECT_EQ(UnpackBlocks(type, blocks.data(), 256), zeros);
  }
}

// A block by hand: 1.0 / 127 as a half is 0x2008.
TEST(GgufBlocks, Q80HasTheScaleFirst) {
  std::vector<float> values(32);
  values[0] = 1.0f;
  values[31] = -1.0f;
  std::vector<uint8_t> block;
  AppendBlocks(GgufType::kQ80, values.data(), 32, block);
  EXPECT_EQ(block[0], 0x08);
  EXPECT_EQ(block[1], 0x20);
  EXPECT_EQ(block[2], 127);
  EXPECT_EQ(block[33], static_cast<uint8_t>(-127));
}

// Values 0 and 16 share a byte, the first in its low half; -8 is code 0.
TEST(GgufBlocks, Q40HasTheHalvesOfABlockInTheHalvesOfItsBytes) {
  std::vector<float> values(32);
  values[0] = -8.0f;
  values[16] = 7.0f;
  std::vector<uint8_t> block;
  AppendBlocks(GgufType::kQ40, values.data(), 32, block);
  EXPECT_EQ(block[0], 0x00);  // 1.0
  EXPECT_EQ(block[1], 0x3c);
  EXPECT_EQ(block[2], 15 << 4 | 0);
  EXPECT_EQ(block[3], 8 << 4 | 8);
}

// -32 in sub-block 0 gives scales of -128 * (-1/4) ... the codes by hand: code
// 0 at value 0, code 63 at value 96, which is run 3 of the first half.
TEST(GgufBlocks, Q6KSplitsCodesIntoNibblesAndHighBits) {
  std::vector<float> values(256);
  for (int b = 0; b < 16; ++b) values[16 * b] = -32.0f;
  values[97] = 31.0f;
  std::vector<uint8_t> block;
  AppendBlocks(GgufType::kQ6K, values.data(), 256, block);
  // Value 0 is code 0, value 64 too: they share byte 0. Values 33 and 97 are
  // codes 32 and 63: byte 33 holds their low nibbles 0 and 15.
  EXPECT_EQ(block[0], 0x00);
  EXPECT_EQ(block[33], 0xf0);
  // High bits of values 1, 33, 65, 97: 32 >> 4 = 2 three times, 63 >> 4 = 3.
  EXPECT_EQ(block[128 + 1], 2 | 2 << 2 | 2 << 4 | 3 << 6);
}

}  // namespace
}  // namespace sluice::bench
