#include <immintrin.h>

#include <cstdint>

#include "services/generator/kernels/exp_avx2.h"
#include "services/generator/kernels/swiglu.h"

namespace sluice::generator::kernels {
namespace {

inline __m256 Swiglu8(__m256 gate, __m256 up) {
  const __m256 negated = _mm256_xor_ps(gate, _mm256_set1_ps(-0.0f));
  const __m256 below = _mm256_add_ps(_mm256_set1_ps(1.0f), Exp(negated));
  return _mm256_mul_ps(_mm256_div_ps(gate, below), up);
}

}  // namespace

void SwigluAvx2(const float* gate, const float* up, int32_t size, float* out) {
  int32_t i = 0;
  for (; i + 8 <= size; i += 8) {
    _mm256_storeu_ps(
        out + i, Swiglu8(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
  }
  if (i == size) return;
  float gates[8] = {};
  float ups[8] = {};
  for (int32_t j = i; j < size; ++j) {
    gates[j - i] = gate[j];
    ups[j - i] = up[j];
  }
  _mm256_storeu_ps(gates,
                   Swiglu8(_mm256_loadu_ps(gates), _mm256_loadu_ps(ups)));
  for (int32_t j = i; j < size; ++j) out[j] = gates[j - i];
}

}  // namespace sluice::generator::kernels
