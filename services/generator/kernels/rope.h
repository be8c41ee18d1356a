#pragma once

// Rotary position embedding, half layout: element i of a head turns with
// element i + head_dim / 2.
// Source: Su et al., RoFormer (2021).

#include <cstdint>

namespace sluice::generator::kernels {

// cosine and sine of position * inverse_frequencies[i], i < half.
// The angle is rounded to float32 first, as the published models were trained.
void RopeAngles(int32_t position, const float* inverse_frequencies,
                int32_t half, float* cosine, float* sine);

// Turns `heads` heads of 2 * half numbers, one behind the other, in place.
// Threads: any.
using RopeFn = void (*)(float* x, int32_t heads, int32_t half,
                        const float* cosine, const float* sine);

void RopeScalar(float* x, int32_t heads, int32_t half, const float* cosine,
                const float* sine);
void RopeAvx2(float* x, int32_t heads, int32_t half, const float* cosine,
              const float* sine);

}  // namespace sluice::generator::kernels
