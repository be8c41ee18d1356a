#pragma once

// Memory for rows of 8-bit activations.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/quant_view.h"

namespace sluice::generator {

// Threads: one job at a time.
class QuantRowsBuffer {
 public:
  QuantRowsBuffer() = default;  // holds nothing
  // Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<QuantRowsBuffer> Create(int32_t max_rows,
                                                int32_t max_columns);

  // Room for rows that shall meet `weights`.
  // REQUIRES: within the limits of Create.
  kernels::QuantRowsView View(const kernels::QuantMatrixView& weights,
                              int32_t rows);

 private:
  int64_t max_blocks_ = 0;  // over all rows
  kernels::HugeBuffer values_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

}  // namespace sluice::generator
