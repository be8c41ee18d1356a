#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/quantize_rows.h"
#include "services/generator/kernels/rms_norm.h"
#include "services/generator/kernels/swiglu.h"

namespace sluice::generator::kernels {
namespace {

// The bits of the largest magnitude: NaN and infinity are above all others.
int32_t LargestBits(const float* x) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i largest = _mm256_setzero_si256();
  for (int32_t i = 0; i < kActivationBlock; i += 8) {
    const __m256i bits = _mm256_castps_si256(_mm256_load_ps(x + i));
    largest = _mm256_max_epi32(largest, _mm256_and_si256(bits, magnitude));
  }
  __m128i half = _mm_max_epi32(_mm256_castsi256_si128(largest),
                               _mm256_extracti128_si256(largest, 1));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

inline int32_t SumOf(__m256i v) {
  __m128i half =
      _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

// 32 numbers; returns their values' sum in eight lanes.
inline __m256i Quantize32(const float* x, __m256 inverse, int8_t* to) {
  __m256i v[4];
  for (int i = 0; i < 4; ++i) {
    v[i] =
        _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_load_ps(x + 8 * i), inverse));
  }
  const __m256i a = _mm256_packs_epi32(v[0], v[1]);
  const __m256i b = _mm256_packs_epi32(v[2], v[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_store_si256(
      reinterpret_cast<__m256i*>(to),
      _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), order));
  return _mm256_add_epi32(_mm256_add_epi32(v[0], v[1]),
                          _mm256_add_epi32(v[2], v[3]));
}

// Block `block` of a row. x is [256], 32-byte aligned, zeros past its end.
void QuantizeBlock(const float* x, const QuantRowsView& rows, int32_t block,
                   int32_t row) {
  const int64_t at = int64_t{block} * rows.rows + row;
  int8_t* values = rows.values + at * kActivationBlock;
  const int32_t per_block = kActivationBlock / rows.group;
  int32_t* sums = rows.sums + at * per_block;
  const int32_t bits = LargestBits(x);
  const float largest =
      _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
  const bool finite = bits < 0x7f800000;
  if (!finite || largest < kLeastActivation) {
    rows.scales[at] = finite ? 0.0f : __builtin_nanf("");
    for (int32_t i = 0; i < kActivationBlock; ++i) values[i] = 0;
    for (int32_t g = 0; g < per_block; ++g) sums[g] = 0;
    return;
  }
  rows.scales[at] = largest / 127.0f;
  const __m256 inverse = _mm256_set1_ps(127.0f / largest);
  for (int32_t g = 0; g < per_block; ++g) {
    __m256i sum = _mm256_setzero_si256();
    for (int32_t i = 0; i < rows.group; i += kMinGroup) {
      const int32_t k = g * rows.group + i;
      sum = _mm256_add_epi32(sum, Quantize32(x + k, inverse, values + k));
    }
    sums[g] = SumOf(sum) * rows.sum_factor;
  }
}

inline void PadWithZeros(float* block, int32_t count) {
  for (int32_t i = count; i < kActivationBlock; ++i) block[i] = 0.0f;
}

inline int32_t CountOf(const QuantRowsView& rows, int32_t begin) {
  const int32_t left = rows.columns - begin;
  return left < kActivationBlock ? left : kActivationBlock;
}

}  // namespace

void QuantizeRowAvx2(const float* x, const QuantRowsView& rows, int32_t row) {
  alignas(32) float block[kActivationBlock];
  for (int32_t begin = 0; begin < rows.columns; begin += kActivationBlock) {
    const int32_t count = CountOf(rows, begin);
    for (int32_t i = 0; i < count; ++i) block[i] = x[begin + i];
    PadWithZeros(block, count);
    QuantizeBlock(block, rows, begin / kActivationBlock, row);
  }
}

void RmsNormQuantizeAvx2(const float* x, const float* weight, float eps,
                         const QuantRowsView& rows, int32_t row) {
  const float factor = RmsFactorAvx2(x, rows.columns, eps);
  alignas(32) float block[kActivationBlock];
  for (int32_t begin = 0; begin < rows.columns; begin += kActivationBlock) {
    const int32_t count = CountOf(rows, begin);
    for (int32_t i = 0; i < count; ++i) {
      block[i] = x[begin + i] * factor * weight[begin + i];
    }
    PadWithZeros(block, count);
    QuantizeBlock(block, rows, begin / kActivationBlock, row);
  }
}

void SwigluQuantizeAvx2(const float* gate, const float* up,
                        const QuantRowsView& rows, int32_t row) {
  alignas(32) float block[kActivationBlock];
  for (int32_t begin = 0; begin < rows.columns; begin += kActivationBlock) {
    const int32_t count = CountOf(rows, begin);
    SwigluAvx2(gate + begin, up + begin, count, block);
    PadWithZeros(block, count);
    QuantizeBlock(block, rows, begin / kActivationBlock, row);
  }
}

}  // namespace sluice::generator::kernels
