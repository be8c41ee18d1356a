#pragma once

// One row of a packed table as float32.

#include "services/generator/kernels/linear.h"
#include "services/generator/kernels/quant_view.h"

namespace sluice::generator::kernels {

// out is [table.columns]. REQUIRES: row < table.rows. Threads: any.
void EmbeddingLookup(const PackedMatrixView& table, int32_t row, float* out);
// The same of quantised weights: scale * (q - zero point), or scale * q +
// minimum with two roundings.
void EmbeddingLookup(const QuantMatrixView& table, int32_t row, float* out);

}  // namespace sluice::generator::kernels
