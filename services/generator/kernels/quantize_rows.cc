#include "services/generator/kernels/quantize_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "services/generator/kernels/rms_norm.h"
#include "services/generator/kernels/swiglu.h"

namespace sluice::generator::kernels {
namespace {

struct Scales {
  float scale = 0.0f;    // of the values
  float inverse = 0.0f;  // 0 makes all values 0
};

Scales ScalesOf(const float* x, int32_t count) {
  float largest = 0.0f;
  for (int32_t i = 0; i < count; ++i) {
    if (!std::isfinite(x[i])) {
      return {std::numeric_limits<float>::quiet_NaN(), 0.0f};
    }
    largest = std::max(largest, std::fabs(x[i]));
  }
  if (largest < kLeastActivation) return {};
  return {largest / 127.0f, 127.0f / largest};
}

// Block `block` of a row: `count` numbers of x, zeros after them.
void QuantizeBlock(const float* x, int32_t count, const QuantRowsView& rows,
                   int32_t block, int32_t row) {
  const int64_t at = int64_t{block} * rows.rows + row;
  const Scales scales = ScalesOf(x, count);
  rows.scales[at] = scales.scale;
  int8_t* values = rows.values + at * kActivationBlock;
  const int32_t per_block = kActivationBlock / rows.group;
  int32_t* sums = rows.sums + at * per_block;
  std::fill(sums, sums + per_block, 0);
  for (int32_t i = 0; i < kActivationBlock; ++i) {
    const bool used = i < count && scales.inverse != 0.0f;
    const int32_t value =
        used ? static_cast<int32_t>(std::nearbyint(x[i] * scales.inverse)) : 0;
    values[i] = static_cast<int8_t>(value);
    sums[i / rows.group] += value * rows.sum_factor;
  }
}

// Calls make(begin, count, to) for the numbers of each block.
template <typename Make>
void QuantizeBlocks(const QuantRowsView& rows, int32_t row, const Make& make) {
  for (int32_t begin = 0; begin < rows.columns; begin += kActivationBlock) {
    const int32_t count = std::min(kActivationBlock, rows.columns - begin);
    float block[kActivationBlock];
    make(begin, count, block);
    QuantizeBlock(block, count, rows, begin / kActivationBlock, row);
  }
}

}  // namespace

void QuantizeRowScalar(const float* x, const QuantRowsView& rows, int32_t row) {
  QuantizeBlocks(rows, row, [&](int32_t begin, int32_t count, float* to) {
    std::copy(x + begin, x + begin + count, to);
  });
}

void RmsNormQuantizeScalar(const float* x, const float* weight, float eps,
                           const QuantRowsView& rows, int32_t row) {
  const float factor = RmsFactorScalar(x, rows.columns, eps);
  QuantizeBlocks(rows, row, [&](int32_t begin, int32_t count, float* to) {
    for (int32_t i = 0; i < count; ++i) {
      to[i] = x[begin + i] * factor * weight[begin + i];
    }
  });
}

void SwigluQuantizeScalar(const float* gate, const float* up,
                          const QuantRowsView& rows, int32_t row) {
  QuantizeBlocks(rows, row, [&](int32_t begin, int32_t count, float* to) {
    SwigluScalar(gate + begin, up + begin, count, to);
  });
}

}  // namespace sluice::generator::kernels
