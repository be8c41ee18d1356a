#include "services/generator/kernels/linear.h"

#include <algorithm>
#include <cmath>

#include "services/generator/kernels/bf16.h"

namespace sluice::generator::kernels {
namespace {

float WeightAt(const PackedMatrixView& weights, int32_t row, int32_t column) {
  const int64_t index =
      (static_cast<int64_t>(row / kPanelRows) * weights.columns + column) *
          kPanelRows +
      row % kPanelRows;
  if (weights.format == WeightFormat::kF32) {
    return static_cast<const float*>(weights.panels)[index];
  }
  return Bf16ToFloat(static_cast<const uint16_t*>(weights.panels)[index]);
}

float Dot(const PackedMatrixView& weights, int32_t row, const float* x) {
  float total = 0.0f;
  for (int32_t begin = 0; begin < weights.columns; begin += kReductionBlock) {
    const int32_t end = std::min(weights.columns, begin + kReductionBlock);
    float sum = 0.0f;
    for (int32_t k = begin; k < end; ++k) {
      sum = std::fma(x[k], WeightAt(weights, row, k), sum);
    }
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

}  // namespace

void LinearScalar(const LinearCall& call, int32_t panel_begin,
                  int32_t panel_end) {
  const int32_t row_begin = panel_begin * kPanelRows;
  const int32_t row_end = std::min(call.weights.rows, panel_end * kPanelRows);
  for (int32_t m = 0; m < call.x_rows; ++m) {
    const float* x = call.x + m * call.x_stride;
    float* out = call.out + m * call.out_stride;
    for (int32_t row = row_begin; row < row_end; ++row) {
      float value = Dot(call.weights, row, x);
      if (call.bias != nullptr) value += call.bias[row];
      if (call.add_to_out) value += out[row];
      out[row] = value;
    }
  }
}

}  // namespace sluice::generator::kernels
