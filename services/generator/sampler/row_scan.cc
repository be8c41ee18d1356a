#include "services/generator/sampler/row_scan.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace sluice::generator {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
// Maxima that are kept side by side: the compiler makes vectors of them.
constexpr size_t kLanes = 16;
static_assert(kScanBlock % kLanes == 0);

// Of whole blocks. Adds to `nans` what is not 0 if a value is NaN.
float TopOfBlock(const float* values, uint32_t& nans) {
  float tops[kLanes];
  uint32_t odd[kLanes] = {};
  std::fill_n(tops, kLanes, kMinusInfinity);
  for (size_t i = 0; i < kScanBlock; i += kLanes) {
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

absl::Span<const float> Block(absl::Span<const float> row, size_t index) {
  return row.subspan(index * kScanBlock, kScanBlock);
}

}  // namespace

bool ScanBlocks(absl::Span<const float> row, std::vector<float>& tops) {
  tops.clear();
  uint32_t nans = 0;
  const size_t whole = row.size() / kScanBlock;
  for (size_t b = 0; b < whole; ++b) {
    tops.push_back(TopOfBlock(row.data() + b * kScanBlock, nans));
  }
  if (whole * kScanBlock < row.size()) {
    float rest[kScanBlock];
    std::fill_n(rest, kScanBlock, kMinusInfinity);
    std::copy(row.begin() + whole * kScanBlock, row.end(), rest);
    tops.push_back(TopOfBlock(rest, nans));
  }
  return nans == 0;
}

size_t FirstOfLargest(absl::Span<const float> row,
                      absl::Span<const float> tops) {
  const auto top = std::max_element(tops.begin(), tops.end());
  const size_t first = (top - tops.begin()) * kScanBlock;
  return std::find(row.begin() + first, row.end(), *top) - row.begin();
}

float KthLargest(absl::Span<const float> row, absl::Span<const float> tops,
                 size_t k, std::vector<float>& scratch) {
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
    for (const float value : Block(row, b)) {
      if (value >= bound) scratch.push_back(value);
    }
  }
  std::nth_element(scratch.begin(), scratch.begin() + (k - 1), scratch.end(),
                   std::greater<float>());
  return scratch[k - 1];
}

void CollectFrom(absl::Span<const float> row, absl::Span<const float> tops,
                 float threshold, std::vector<int32_t>& indices) {
  indices.clear();
  for (size_t b = 0; b < tops.size(); ++b) {
    if (tops[b] < threshold) continue;
    const absl::Span<const float> block = Block(row, b);
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i] >= threshold && block[i] > kMinusInfinity) {
        indices.push_back(static_cast<int32_t>(b * kScanBlock + i));
      }
    }
  }
}

}  // namespace sluice::generator
