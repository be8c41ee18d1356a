#include <immintrin.h>

#include "bench/probes/probes.h"

namespace sluice::bench {

int32_t ReadLoopAvx512(const uint8_t* bytes, int64_t count) {
  __m512i low = _mm512_setzero_si512();
  __m512i high = low;
  for (int64_t i = 0; i < count; i += 128) {
    low = _mm512_xor_si512(low, _mm512_load_si512(bytes + i));
    high = _mm512_xor_si512(high, _mm512_load_si512(bytes + i + 64));
  }
  return _mm512_reduce_add_epi32(_mm512_xor_si512(low, high));
}

int32_t VnniLoop(int64_t turns) {
  __m512i sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_set1_epi32(i);
  __m512i a = _mm512_set1_epi8(3);
  __m512i b = _mm512_set1_epi8(-2);
  for (int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    // Else the loop would be one multiplication.
    asm volatile("" : "+v"(a), "+v"(b));
  }
  __m512i sum = sums[0];
  for (int i = 1; i < 16; ++i) sum = _mm512_add_epi32(sum, sums[i]);
  return _mm512_reduce_add_epi32(sum);
}

float FmaLoop(int64_t turns) {
  __m512 sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  __m512 a = _mm512_set1_ps(0.5f);
  __m512 b = _mm512_set1_ps(0.25f);
  for (int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
    asm volatile("" : "+v"(a), "+v"(b));
  }
  __m512 sum = sums[0];
  for (int i = 1; i < 16; ++i) sum = _mm512_add_ps(sum, sums[i]);
  return _mm512_reduce_add_ps(sum);
}

}  // namespace sluice::bench
