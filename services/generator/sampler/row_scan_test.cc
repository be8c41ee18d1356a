#include "services/generator/sampler/row_scan.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

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
    const size_t size = 1 + random() % (40 * kScanBlock);
    const std::vector<float> row = Row(random, size);
    std::vector<float> tops, scratch;
    ASSERT_TRUE(ScanBlocks(row, tops));
    EXPECT_EQ(tops.size(), (size + kScanBlock - 1) / kScanBlock);
    EXPECT_EQ(FirstOfLargest(row, tops),
              static_cast<size_t>(std::max_element(row.begin(), row.end()) -
                                  row.begin()));
    std::vector<float> sorted = row;
    std::sort(sorted.begin(), sorted.end(), std::greater<float>());
    const size_t k = 1 + random() % std::min<size_t>(size, 100);
    const float threshold = KthLargest(row, tops, k, scratch);
    ASSERT_EQ(threshold, sorted[k - 1]) << "k " << k << " of " << size;
    std::vector<int32_t> wanted, indices;
    for (size_t j = 0; j < size; ++j) {
      if (row[j] >= threshold && row[j] > -kInfinity) wanted.push_back(j);
    }
    CollectFrom(row, tops, threshold, indices);
    ASSERT_EQ(indices, wanted);
  }
}

TEST(RowScanTest, SeesANanWhereverItIs) {
  for (const size_t size : {1, 127, 128, 129, 1000}) {
    for (size_t at = 0; at < size; at += 1 + size / 50) {
      std::vector<float> row(size, 1.0f), tops;
      row[at] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_FALSE(ScanBlocks(row, tops)) << at << " of " << size;
    }
  }
}

TEST(RowScanTest, NothingButMinusInfinityIsNotCollected) {
  const std::vector<float> row(300, -kInfinity);
  std::vector<float> tops;
  std::vector<int32_t> indices;
  ASSERT_TRUE(ScanBlocks(row, tops));
  EXPECT_EQ(FirstOfLargest(row, tops), 0u);
  CollectFrom(row, tops, -kInfinity, indices);
  EXPECT_TRUE(indices.empty());
}

}  // namespace
}  // namespace sluice::generator
