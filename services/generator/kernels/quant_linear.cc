#include "services/generator/kernels/quant_linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "services/generator/kernels/half.h"
#include "services/generator/kernels/quant_code.h"

namespace sluice::generator::kernels {
namespace {

// One output: a row of weights against a row of activations.
class Dot {
 public:
  Dot(const QuantLinearCall& call, int32_t row, int32_t x_row)
      : weights_(call.weights), x_(call.x), row_(row), x_row_(x_row) {}

  float Total() const {
    float total = 0.0f;
    for (int32_t begin = 0; begin < weights_.columns;
         begin += kActivationBlock) {
      const int64_t at = int64_t{begin / kActivationBlock} * x_.rows + x_row_;
      const float sum = Block(begin, at);
      total = begin == 0 ? sum * x_.scales[at]
                         : std::fma(sum, x_.scales[at], total);
    }
    return total;
  }

 private:
  // `at` counts blocks of activations.
  float Block(int32_t begin, int64_t at) const {
    const int32_t end = std::min(weights_.columns, begin + kActivationBlock);
    const int8_t* values = x_.values + at * kActivationBlock;
    float sum = 0.0f;
    for (int32_t k = begin; k < end; k += weights_.group) {
      const QuantGroup group = GroupAt(weights_, row_, k / weights_.group);
      int32_t products = 0;
      int32_t plain = 0;
      for (int32_t i = 0; i < weights_.group && k + i < end; ++i) {
        const int32_t value = values[k + i - begin];
        const int32_t code = CodeAt(weights_, row_, k + i);
        products += value * (code - group.zero_point);
        plain += value;
      }
      sum = std::fma(static_cast<float>(products), group.scale, sum);
      if (weights_.has_minimum) {
        sum = std::fma(static_cast<float>(plain), group.minimum, sum);
      }
    }
    return sum;
  }

  const QuantMatrixView& weights_;
  const QuantRowsView& x_;
  int32_t row_;
  int32_t x_row_;
};

}  // namespace

void QuantLinearScalar(const QuantLinearCall& call, int32_t panel_begin,
                       int32_t panel_end) {
  const int32_t row_begin = panel_begin * kQuantPanelRows;
  const int32_t row_end =
      std::min(call.weights.rows, panel_end * kQuantPanelRows);
  for (int32_t m = 0; m < call.x.rows; ++m) {
    float* out = call.out + m * call.out_stride;
    for (int32_t row = row_begin; row < row_end; ++row) {
      float value = Dot(call, row, m).Total();
      if (call.bias != nullptr) value += call.bias[row];
      if (call.add_to_out) value += out[row];
      out[row] = value;
    }
  }
}

}  // namespace sluice::generator::kernels
