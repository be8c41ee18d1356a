#include <immintrin.h>

#include "bench/probes/probes.h"

namespace sluice::bench {

float Bf16Loop(int64_t turns) {
  __m512 sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  __m512i a = _mm512_set1_epi16(0x3f00);  // 0.5
  __m512i b = _mm512_set1_epi16(0x3e80);  // 0.25
  for (int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      sums[i] = _mm512_dpbf16_ps(sums[i], (__m512bh)a, (__m512bh)b);
    }
    asm volatile("" : "+v"(a), "+v"(b));
  }
  __m512 sum = sums[0];
  for (int i = 1; i < 16; ++i) sum = _mm512_add_ps(sum, sums[i]);
  return _mm512_reduce_add_ps(sum);
}

}  // namespace sluice::bench
