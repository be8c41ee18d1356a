#include <immintrin.h>

#include "bench/probes/probes.h"

namespace sluice::bench {

int32_t ReadLoopAvx2(const uint8_t* bytes, int64_t count) {
  __m256i sums[4];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (int64_t i = 0; i < count; i += 128) {
#pragma GCC unroll 4
    for (int lane = 0; lane < 4; ++lane) {
      sums[lane] = _mm256_xor_si256(
          sums[lane], _mm256_load_si256(reinterpret_cast<const __m256i*>(
                          bytes + i + 32 * lane)));
    }
  }
  const __m256i sum = _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]),
                                       _mm256_xor_si256(sums[2], sums[3]));
  return _mm256_extract_epi32(sum, 0) ^ _mm256_extract_epi32(sum, 7);
}

}  // namespace sluice::bench
