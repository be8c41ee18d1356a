#include <immintrin.h>

#include <cstdint>

#include "services/generator/kernels/rope.h"

namespace sluice::generator::kernels {
namespace {

inline float MulAdd(float a, float b, float c) {
  return _mm_cvtss_f32(
      _mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

}  // namespace

void RopeAvx2(float* x, int32_t heads, int32_t half, const float* cosine,
              const float* sine) {
  for (int32_t head = 0; head < heads; ++head) {
    float* low = x + static_cast<int64_t>(head) * 2 * half;
    float* high = low + half;
    int32_t i = 0;
    for (; i + 8 <= half; i += 8) {
      const __m256 a = _mm256_loadu_ps(low + i);
      const __m256 b = _mm256_loadu_ps(high + i);
      const __m256 c = _mm256_loadu_ps(cosine + i);
      const __m256 s = _mm256_loadu_ps(sine + i);
      _mm256_storeu_ps(low + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
      _mm256_storeu_ps(high + i, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
    for (; i < half; ++i) {
      const float a = low[i];
      const float b = high[i];
      low[i] = MulAdd(a, cosine[i], -(b * sine[i]));
      high[i] = MulAdd(b, cosine[i], a * sine[i]);
    }
  }
}

}  // namespace sluice::generator::kernels
