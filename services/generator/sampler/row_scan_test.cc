#include "services/generator/sampler/row_scan.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr size_t kBlock = PatchedRow::kBlock;

// Few different values make ties within and across blocks.
std::vector<float> Row(std::mt19937& random, size_t size) {
  const int different = 1 + random() % 400;
  std::vector<float> row(size);
  for (float& value : row) {
    value = static_cast<float>(static_cast<int>(random() % different)) - 100.0f;
    if (random() % 16 == 0) value = -kInfinity;
  }
  return row;
}

TEST(RowScanTest, FindsWhatASortFinds) {
  std::mt19937 random(17);
  for (int i = 0; i < 600; ++i) {
    const size_t size = 1 + random() % (40 * kBlock);
    std::vector<float> row = Row(random, size);
    const std::vector<float> original = row;
    PatchedRow patched;
    patched.Reset(original);
    for (int j = random() % 50; j > 0; --j) {
      const size_t id = random() % size;
      row[id] = static_cast<float>(random() % 500) - 100.0f;
      patched.Set(id, row[id]);
    }
    for (size_t j = 0; j < size; ++j) ASSERT_EQ(patched[j], row[j]);
    std::vector<float> tops, scratch;
    ASSERT_TRUE(ScanBlocks(patched, tops));
    EXPECT_EQ(tops.size(), (size + kBlock - 1) / kBlock);
    const size_t first = std::max_element(row.begin(), row.end()) - row.begin();
    EXPECT_EQ(FirstOfLargest(patched, tops), first);
    std::vector<float> sorted = row;
    std::sort(sorted.begin(), sorted.end(), std::greater<float>());
    const size_t k = 1 + random() % std::min<size_t>(size, 100);
    const float threshold = KthLargest(patched, tops, k, scratch);
    ASSERT_EQ(threshold, sorted[k - 1]) << "k " << k << " of " << size;
    std::vector<int32_t> wanted, indices;
    for (size_t j = 0; j < size; ++j) {
      if (row[j] >= threshold && row[j] > -kInfinity) wanted.push_back(j);
    }
    CollectFrom(patched, tops, threshold, indices);
    ASSERT_EQ(indices, wanted);
  }
}

TEST(RowScanTest, SeesANanWhereverItIs) {
  for (const size_t size : {1, 127, 128, 129, 1000}) {
    for (size_t at = 0; at < size; at += 1 + size / 50) {
      std::vector<float> row(size, 1.0f), tops;
      row[at] = std::numeric_limits<float>::quiet_NaN();
      PatchedRow patched;
      patched.Reset(row);
      EXPECT_FALSE(ScanBlocks(patched, tops)) << at << " of " << size;
    }
  }
}

TEST(RowScanTest, NothingButMinusInfinityIsNotCollected) {
  const std::vector<float> nothing(300, -kInfinity);
  PatchedRow row;
  row.Reset(nothing);
  std::vector<float> tops;
  std::vector<int32_t> indices;
  ASSERT_TRUE(ScanBlocks(row, tops));
  EXPECT_EQ(FirstOfLargest(row, tops), 0u);
  CollectFrom(row, tops, -kInfinity, indices);
  EXPECT_TRUE(indices.empty());
}

}  // namespace
}  // namespace sluice::generator
