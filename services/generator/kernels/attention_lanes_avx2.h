#pragma once

// Sixteen lanes at a time: what attention_avx2.cc computes with. Everything has
// internal linkage: no other file shares it.

#include <immintrin.h>

#include <cstdint>

#include "services/generator/kernels/exp_avx2.h"

namespace sluice::generator::kernels {
namespace {

// Sixteen lanes in two registers.
struct Wide {
  __m256 low, high;
};

inline Wide Load16(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
inline void Store16(float* to, const Wide& v) {
  _mm256_storeu_ps(to, v.low);
  _mm256_storeu_ps(to + 8, v.high);
}
inline Wide Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Wide MulAdd(__m256 a, const Wide& b, const Wide& c) {
  return {_mm256_fmadd_ps(a, b.low, c.low), _mm256_fmadd_ps(a, b.high, c.high)};
}
inline Wide Mul(const Wide& a, __m256 b) {
  return {_mm256_mul_ps(a.low, b), _mm256_mul_ps(a.high, b)};
}

inline Wide Load16(const int8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(
              _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))};
}

// Sixteen bf16 pairs.
struct Pairs {
  Wide even, odd;
};

inline __m256 Even(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}
inline __m256 Odd(__m256i pairs) {
  return _mm256_castsi256_ps(
      _mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
}
inline Pairs LoadPairs(const uint16_t* from) {
  const auto* at = reinterpret_cast<const __m256i*>(from);
  const __m256i low = _mm256_loadu_si256(at);
  const __m256i high = _mm256_loadu_si256(at + 1);
  return {{Even(low), Even(high)}, {Odd(low), Odd(high)}};
}
// The odd products first.
inline Wide MulAddPairs(const float* two, const Pairs& b, const Wide& c) {
  return MulAdd(_mm256_set1_ps(two[0]), b.even,
                MulAdd(_mm256_set1_ps(two[1]), b.odd, c));
}

// Rounds to bf16, to nearest even; a NaN stays one.
inline __m256 RoundToBf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd =
      _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded =
      _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256 is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  return _mm256_blendv_ps(Odd(rounded), x, is_nan);
}
// The first `count` numbers and what follows up to eight.
inline void RoundAll(int32_t count, float* x) {
  for (int32_t i = 0; i < count; i += 8) {
    _mm256_storeu_ps(x + i, RoundToBf16(_mm256_loadu_ps(x + i)));
  }
}

// Lanes by halving.
inline float SumLanes(const Wide& v) {
  const __m256 a = _mm256_add_ps(v.low, v.high);
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

}  // namespace
}  // namespace sluice::generator::kernels
