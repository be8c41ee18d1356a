#pragma once

// Float32 rows into rows of 8-bit activations, alone or behind the operator
// that makes them.
//
// Per block of 256 columns: scale = m / 127 with m the largest magnitude, value
// = round to nearest even of x * (127 / m). A block of zeros, or of numbers
// below 2^-118, has scale 0; one that holds NaN or infinity has scale NaN and
// so spoils its outputs. All instruction sets agree to the bit.

#include <cstdint>

#include "services/generator/kernels/quant_view.h"

namespace sluice::generator::kernels {

// Below this, 127 / m might overflow.
inline constexpr float kLeastActivation = 0x1p-118f;

// x is [rows.columns]; fills row `row` of `rows`. Threads: any; calls for
// distinct rows may run together.
using QuantizeRowFn = void (*)(const float* x, const QuantRowsView& rows,
                               int32_t row);
// The same of RmsNorm(x, weight).
using RmsNormQuantizeFn = void (*)(const float* x, const float* weight,
                                   float eps, const QuantRowsView& rows,
                                   int32_t row);
// The same of Swiglu(gate, up).
using SwigluQuantizeFn = void (*)(const float* gate, const float* up,
                                  const QuantRowsView& rows, int32_t row);

void QuantizeRowScalar(const float* x, const QuantRowsView& rows, int32_t row);
void QuantizeRowAvx2(const float* x, const QuantRowsView& rows, int32_t row);

void RmsNormQuantizeScalar(const float* x, const float* weight, float eps,
                           const QuantRowsView& rows, int32_t row);
void RmsNormQuantizeAvx2(const float* x, const float* weight, float eps,
                         const QuantRowsView& rows, int32_t row);

void SwigluQuantizeScalar(const float* gate, const float* up,
                          const QuantRowsView& rows, int32_t row);
void SwigluQuantizeAvx2(const float* gate, const float* up,
                        const QuantRowsView& rows, int32_t row);

}  // namespace sluice::generator::kernels
