#pragma once

// Row lookup in a packed matrix: a tied head and the embedding are one copy.

#include "services/generator/kernels/linear.h"

namespace sluice::generator::kernels {

// out[column] = table(row, column) as float32, exactly. Threads: any.
void EmbeddingLookup(const PackedMatrixView& table, int32_t row, float* out);

}  // namespace sluice::generator::kernels
