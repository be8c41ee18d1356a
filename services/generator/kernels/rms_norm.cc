#include "services/generator/kernels/rms_norm.h"

#include <cmath>

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kLanes = 16;

}  // namespace

float RmsFactorScalar(const float* x, int32_t size, float eps) {
  float lanes[kLanes] = {};
  for (int32_t i = 0; i < size; ++i) {
    lanes[i % kLanes] = std::fma(x[i], x[i], lanes[i % kLanes]);
  }
  for (int32_t half = kLanes / 2; half >= 1; half /= 2) {
    for (int32_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  const float mean = lanes[0] / static_cast<float>(size);
  return 1.0f / std::sqrt(mean + eps);
}

void RmsNormScalar(const float* x, const float* weight, int32_t size, float eps,
                   float* out) {
  const float factor = RmsFactorScalar(x, size, eps);
  for (int32_t i = 0; i < size; ++i) out[i] = x[i] * factor * weight[i];
}

}  // namespace sluice::generator::kernels
