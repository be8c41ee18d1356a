#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/kv_write.h"
#include "services/generator/kernels/quantize_rows.h"

namespace sluice::generator::kernels {
namespace {

// Eight floats as bf16, to nearest even; a NaN stays one.
inline __m128i Round8(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd =
      _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(
      _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))),
      16);
  const __m256i quiet =
      _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  const __m256i picked = _mm256_blendv_epi8(rounded, quiet, is_nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(picked),
                          _mm256_extracti128_si256(picked, 1));
}

inline __m256 LoadPart(const float* from, int32_t count) {
  if (count >= 8) return _mm256_loadu_ps(from);
  float part[8] = {};
  for (int32_t i = 0; i < count; ++i) part[i] = from[i];
  return _mm256_loadu_ps(part);
}

// Number d of the key goes to keys[d / 2 * 32 + d % 2], of the value to
// values[2 d].
void WriteBf16(int32_t head_dim, const float* key, const float* value,
               uint16_t* keys, uint16_t* values) {
  for (int32_t d = 0; d < head_dim; d += 8) {
    const int32_t left = head_dim - d;
    alignas(16) uint16_t of_key[8];
    alignas(16) uint16_t of_value[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(of_key),
                    Round8(LoadPart(key + d, left)));
    _mm_store_si128(reinterpret_cast<__m128i*>(of_value),
                    Round8(LoadPart(value + d, left)));
    for (int32_t i = 0; i < 8 && i < left; i += 2) {
      uint16_t* to = keys + static_cast<ptrdiff_t>(d + i) * kKeyGroup;
      to[0] = of_key[i];
      to[1] = of_key[i + 1];
      values[2 * (d + i)] = of_value[i];
      values[2 * (d + i) + 2] = of_value[i + 1];
    }
  }
}

// The bits of the largest magnitude: NaN and infinity are above all others.
int32_t LargestBits(const float* x, int32_t count) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i largest = _mm256_setzero_si256();
  for (int32_t d = 0; d < count; d += 8) {
    const __m256i bits = _mm256_castps_si256(LoadPart(x + d, count - d));
    largest = _mm256_max_epi32(largest, _mm256_and_si256(bits, magnitude));
  }
  __m128i half = _mm_max_epi32(_mm256_castsi256_si128(largest),
                               _mm256_extracti128_si256(largest, 1));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

// Fills out[stride * i]; returns the scale.
float WriteInt8(const float* x, int32_t count, ptrdiff_t stride, int8_t* out) {
  const int32_t bits = LargestBits(x, count);
  const float largest =
      _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
  const bool finite = bits < 0x7f800000;
  const bool used = finite && largest >= kLeastActivation;
  const __m256 inverse = _mm256_set1_ps(used ? 127.0f / largest : 0.0f);
  for (int32_t d = 0; d < count; d += 8) {
    alignas(32) int32_t rounded[8] = {};
    if (used) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(rounded),
                         _mm256_cvtps_epi32(_mm256_mul_ps(
                             LoadPart(x + d, count - d), inverse)));
    }
    for (int32_t i = 0; i < 8 && d + i < count; ++i) {
      out[(d + i) * stride] = static_cast<int8_t>(rounded[i]);
    }
  }
  if (!finite) return __builtin_nanf("");
  return used ? largest / 127.0f : 0.0f;
}

}  // namespace

void KvWriteAvx2(const KvHeadView& kv, int32_t position, const float* key,
                 const float* value) {
  const KvLayout& layout = kv.layout;
  const int32_t slot = position % layout.block_size;
  const int64_t block = kv.block_table[position / layout.block_size];
  uint8_t* base = kv.base + block * kv.block_stride;
  const int64_t key_at = layout.key_index(slot, 0);
  const int64_t value_at = layout.value_index(slot, 0);
  if (layout.format == KvFormat::kBf16) {
    WriteBf16(
        layout.head_dim, key, value, reinterpret_cast<uint16_t*>(base) + key_at,
        reinterpret_cast<uint16_t*>(base + layout.value_offset()) + value_at);
    return;
  }
  if (layout.format == KvFormat::kInt8) {
    float* scales = reinterpret_cast<float*>(base + layout.scale_offset());
    scales[slot] = WriteInt8(key, layout.head_dim, kKeyGroup,
                             reinterpret_cast<int8_t*>(base) + key_at);
    scales[layout.block_size + slot] = WriteInt8(
        value, layout.head_dim, 1,
        reinterpret_cast<int8_t*>(base + layout.value_offset()) + value_at);
    return;
  }
  float* keys = reinterpret_cast<float*>(base) + key_at;
  float* values = reinterpret_cast<float*>(base + layout.value_offset());
  for (int32_t d = 0; d < layout.head_dim; ++d) {
    keys[static_cast<ptrdiff_t>(d) * kKeyGroup] = key[d];
    values[value_at + d] = value[d];
  }
}

}  // namespace sluice::generator::kernels
