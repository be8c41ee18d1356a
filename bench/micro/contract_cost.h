#pragma once

// The 8-bit and 4-bit products as they are served against the same kernels
// freed of the numerics contract.

#include <cstdint>

#include "services/generator/kernels/quant_linear.h"

namespace sluice::generator::kernels {

// The kernel of AVX-512 VNNI, compiled with tiles of other sizes.
// REQUIRES: CpuHasAvx512Vnni.
void QuantLinearTile4(const QuantLinearCall& call, int32_t panel_begin,
                      int32_t panel_end);
void QuantLinearTile5(const QuantLinearCall& call, int32_t panel_begin,
                      int32_t panel_end);
void QuantLinearBlock48(const QuantLinearCall& call, int32_t panel_begin,
                        int32_t panel_end);
void QuantLinearBlock192(const QuantLinearCall& call, int32_t panel_begin,
                         int32_t panel_end);

}  // namespace sluice::generator::kernels
