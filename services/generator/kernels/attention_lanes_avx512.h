#pragma once

// Sixteen lanes at a time: what attention_avx512.cc computes with. Everything
// has internal linkage, so that each file that is compiled for AVX-512, with or
// without BF16, has a copy of its own.

#include <immintrin.h>

#include <cstdint>

namespace sluice::generator::kernels {
namespace {

inline __m512 Load16(const float* from) { return _mm512_loadu_ps(from); }

// sums += even * even + odd * odd of the bf16 pairs in each lane, the odd ones
// first. The products are exact, so whether they are fused does not matter.
#ifdef __AVX512BF16__
inline __m512 MulAddPairs(__m512i a, __m512i b, __m512 sums) {
  return _mm512_dpbf16_ps(sums, (__m512bh)a, (__m512bh)b);
}
inline __m256i Round16(const float* from) {
  return (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from));
}
#else
inline __m512 Odd(__m512i pairs) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
}
inline __m512 Even(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}
inline __m512 MulAddPairs(__m512i a, __m512i b, __m512 sums) {
  sums = _mm512_fmadd_ps(Odd(a), Odd(b), sums);
  return _mm512_fmadd_ps(Even(a), Even(b), sums);
}
// To nearest even; a NaN stays one.
inline __m256i Round16(const float* from) {
  const __m512 x = _mm512_loadu_ps(from);
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd =
      _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded =
      _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(
      _mm512_srli_epi32(_mm512_mask_blend_epi32(is_nan, rounded, quiet), 16));
}
#endif

// Sixteen bf16 pairs.
inline __m512i LoadPairs(const uint16_t* from) {
  return _mm512_loadu_si512(from);
}

// The first `count` numbers, which there is room to read past.
inline void RoundPairs(const float* from, int32_t count, uint32_t* to) {
  for (int32_t i = 0; i < count; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i / 2),
                        Round16(from + i));
  }
}

inline __m512 Load16(const int8_t* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

// The operations of ExpScalar, in its order.
inline __m512 Exp(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-87.0f), x);
  x = _mm512_min_ps(_mm512_set1_ps(88.0f), x);
  const __m512 round = _mm512_set1_ps(12582912.0f);
  const __m512 shifted = _mm512_fmadd_ps(x, _mm512_set1_ps(1.44269504f), round);
  const __m512 n = _mm512_sub_ps(shifted, round);
  __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-0.693145752f), x);
  r = _mm512_fmadd_ps(n, _mm512_set1_ps(-1.42860677e-6f), r);
  __m512 p = _mm512_set1_ps(1.98412698e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.38888889e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.33333333e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.16666667e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.66666667e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(p), exponent));
}

// Lanes by halving; the same order for sum and maximum.
inline __m128 FoldTo4(__m512 v, bool sum) {
  const __m256 high = _mm512_extractf32x8_ps(v, 1);
  __m256 a = _mm512_castps512_ps256(v);
  a = sum ? _mm256_add_ps(a, high) : _mm256_max_ps(a, high);
  const __m128 b = _mm256_extractf128_ps(a, 1);
  const __m128 c = _mm256_castps256_ps128(a);
  return sum ? _mm_add_ps(c, b) : _mm_max_ps(c, b);
}
inline float SumLanes(__m512 v) {
  __m128 a = FoldTo4(v, true);
  a = _mm_add_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
inline float MaxLanes(__m512 v) {
  __m128 a = FoldTo4(v, false);
  a = _mm_max_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}

}  // namespace
}  // namespace sluice::generator::kernels
