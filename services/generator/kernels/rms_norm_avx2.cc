#include <immintrin.h>

#include <cstdint>

#include "services/generator/kernels/rms_norm.h"

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kLanes = 16;

// Sum of squares, lanes by halving.
float SquareSum(const float* x, int32_t size) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  const int32_t whole = size / kLanes * kLanes;
  for (int32_t i = 0; i < whole; i += kLanes) {
    const __m256 a = _mm256_loadu_ps(x + i);
    const __m256 b = _mm256_loadu_ps(x + i + 8);
    low = _mm256_fmadd_ps(a, a, low);
    high = _mm256_fmadd_ps(b, b, high);
  }
  if (whole < size) {
    float rest[kLanes] = {};
    for (int32_t i = whole; i < size; ++i) rest[i - whole] = x[i];
    const __m256 a = _mm256_loadu_ps(rest);
    const __m256 b = _mm256_loadu_ps(rest + 8);
    low = _mm256_fmadd_ps(a, a, low);
    high = _mm256_fmadd_ps(b, b, high);
  }
  const __m256 sum = _mm256_add_ps(low, high);
  __m128 half =
      _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

}  // namespace

float RmsFactorAvx2(const float* x, int32_t size, float eps) {
  const float mean = SquareSum(x, size) / static_cast<float>(size);
  return 1.0f / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean + eps)));
}

void RmsNormAvx2(const float* x, const float* weight, int32_t size, float eps,
                 float* out) {
  const float factor = RmsFactorAvx2(x, size, eps);
  const __m256 factors = _mm256_set1_ps(factor);
  int32_t i = 0;
  for (; i + 8 <= size; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), factors);
    _mm256_storeu_ps(out + i,
                     _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + i)));
  }
  for (; i < size; ++i) out[i] = x[i] * factor * weight[i];
}

}  // namespace sluice::generator::kernels
