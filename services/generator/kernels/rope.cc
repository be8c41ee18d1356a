#include "services/generator/kernels/rope.h"

#include <cmath>

namespace sluice::generator::kernels {

void RopeAngles(int32_t position, const float* inverse_frequencies,
                int32_t half, float* cosine, float* sine) {
  for (int32_t i = 0; i < half; ++i) {
    const float angle = static_cast<float>(position) * inverse_frequencies[i];
    cosine[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
    sine[i] = static_cast<float>(std::sin(static_cast<double>(angle)));
  }
}

void RopeScalar(float* x, int32_t heads, int32_t half, const float* cosine,
                const float* sine) {
  for (int32_t head = 0; head < heads; ++head) {
    float* low = x + static_cast<int64_t>(head) * 2 * half;
    float* high = low + half;
    for (int32_t i = 0; i < half; ++i) {
      const float a = low[i];
      const float b = high[i];
      low[i] = std::fma(a, cosine[i], -(b * sine[i]));
      high[i] = std::fma(b, cosine[i], a * sine[i]);
    }
  }
}

}  // namespace sluice::generator::kernels
