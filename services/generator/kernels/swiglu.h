#pragma once

// out = gate / (1 + exp(-gate)) * up.
// Source: Shazeer, GLU Variants Improve Transformer (2020).

#include <cstdint>

namespace sluice::generator::kernels {

// gate, up and out are [size]; out may be gate or up. Threads: any.
using SwigluFn = void (*)(const float* gate, const float* up, int32_t size,
                          float* out);

void SwigluScalar(const float* gate, const float* up, int32_t size, float* out);
void SwigluAvx2(const float* gate, const float* up, int32_t size, float* out);

}  // namespace sluice::generator::kernels
