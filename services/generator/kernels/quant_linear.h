#pragma once

// y = x W^T (+ bias) over quantised weights and quantised rows.
//
// Order, the same for every output, row count and instruction set: inside a
// group the products are summed as integers, which is exact. Groups of a block
// of 256 columns follow each other: sum = fma(products, weight scale, sum)
// from zero, then, with a minimum, sum = fma(values, minimum, sum). Blocks
// follow each other: total = fma(sum, activation scale, total), the first one
// as a plain product. Then comes the bias, then what stood in the output. So
// all instruction sets agree to the bit.

#include <cstdint>

#include "services/generator/kernels/quant_view.h"

namespace sluice::generator::kernels {

struct QuantLinearCall {
  QuantMatrixView weights;
  QuantRowsView x;              // columns, group and sum_factor as the weights
  const float* bias = nullptr;  // [weights.rows] or null
  float* out = nullptr;         // [x.rows, weights.rows]
  int64_t out_stride = 0;
  bool add_to_out = false;  // out += instead of out =
};

// Computes the outputs of panels [panel_begin, panel_end).
// Threads: any; calls with disjoint panels may run together.
using QuantLinearFn = void (*)(const QuantLinearCall& call, int32_t panel_begin,
                               int32_t panel_end);

void QuantLinearScalar(const QuantLinearCall& call, int32_t panel_begin,
                       int32_t panel_end);
void QuantLinearAvx2(const QuantLinearCall& call, int32_t panel_begin,
                     int32_t panel_end);
// AVX2 and AVX-VNNI.
void QuantLinearAvxVnni(const QuantLinearCall& call, int32_t panel_begin,
                        int32_t panel_end);
// AVX-512 F, BW, VL, DQ and VNNI.
void QuantLinearAvx512Vnni(const QuantLinearCall& call, int32_t panel_begin,
                           int32_t panel_end);

}  // namespace sluice::generator::kernels
