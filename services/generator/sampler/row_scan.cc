#include "services/generator/sampler/row_scan.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace sluice::generator {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
// Maxima that are kept side by side: the compiler makes vectors of them.
constexpr size_t kLanes = 16;
static_assert(PatchedRow::kBlock % kLanes == 0);

// Of a whole block. Adds to `nans` what is not 0 if a value is NaN.
float TopOfBlock(const float* values, uint32_t& nans) {
  float tops[kLanes];
  uint32_t odd[kLanes] = {};
  std::fill_n(tops, kLanes, kMinusInfinity);
  for (size_t i = 0; i < PatchedRow::kBlock; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane];
      tops[lane] = value > tops[lane] ? value : tops[lane];
      odd[lane] |= value == value ? 0u : 1u;
    }
  }
  float top = kMinusInfinity;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    top = std::max(top, tops[lane]);
    nans |= odd[lane];
  }
  return top;
}

}  // namespace

bool ScanBlocks(const PatchedRow& row, std::vector<float>& tops) {
  tops.clear();
  uint32_t nans = 0;
  for (size_t b = 0; b < row.blocks(); ++b) {
    const absl::Span<const float> block = row.Block(b);
    if (block.size() == PatchedRow::kBlock) {
      tops.push_back(TopOfBlock(block.data(), nans));
      continue;
    }
    float whole[PatchedRow::kBlock];
    std::fill_n(whole, PatchedRow::kBlock, kMinusInfinity);
    std::copy(block.begin(), block.end(), whole);
    tops.push_back(TopOfBlock(whole, nans));
  }
  return nans == 0;
}

size_t FirstOfLargest(const PatchedRow& row, absl::Span<const float> tops) {
  const auto top = std::max_element(tops.begin(), tops.end());
  const size_t index = top - tops.begin();
  const absl::Span<const float> block = row.Block(index);
  return index * PatchedRow::kBlock +
         (std::find(block.begin(), block.end(), *top) - block.begin());
}

float KthLargest(const PatchedRow& row, absl::Span<const float> tops, size_t k,
                 std::vector<float>& scratch) {
  // k blocks hold a value of at least the k-th largest top.
  float bound = kMinusInfinity;
  if (k <= tops.size()) {
    scratch.assign(tops.begin(), tops.end());
    std::nth_element(scratch.begin(), scratch.begin() + (k - 1), scratch.end(),
                     std::greater<float>());
    bound = scratch[k - 1];
  }
  scratch.clear();
  for (size_t b = 0; b < tops.size(); ++b) {
    if (tops[b] < bound) continue;
    for (const float value : row.Block(b)) {
      if (value >= bound) scratch.push_back(value);
    }
  }
  std::nth_element(scratch.begin(), scratch.begin() + (k - 1), scratch.end(),
                   std::greater<float>());
  return scratch[k - 1];
}

void CollectFrom(const PatchedRow& row, absl::Span<const float> tops,
                 float threshold, std::vector<int32_t>& indices) {
  indices.clear();
  for (size_t b = 0; b < tops.size(); ++b) {
    if (tops[b] < threshold) continue;
    const absl::Span<const float> block = row.Block(b);
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i] >= threshold && block[i] > kMinusInfinity) {
        indices.push_back(static_cast<int32_t>(b * PatchedRow::kBlock + i));
      }
    }
  }
}

}  // namespace sluice::generator
