#pragma once

// Puts the key and value of one position and one head into its block.

#include "services/generator/kernels/attention.h"

namespace sluice::generator::kernels {

// key and value are [head_dim] float32; stored in the format of the layout
// (bf16: round to nearest even; int8: round to nearest even of x * (127 / m), m
// the largest magnitude, with scale m / 127, or 0 where m is below 2^-118, or
// NaN where a number is NaN or infinite). Threads: any; calls for distinct
// positions may run together.
using KvWriteFn = void (*)(const KvHeadView& kv, int32_t position,
                           const float* key, const float* value);

void KvWriteScalar(const KvHeadView& kv, int32_t position, const float* key,
                   const float* value);
void KvWriteAvx2(const KvHeadView& kv, int32_t position, const float* key,
                 const float* value);

}  // namespace sluice::generator::kernels
