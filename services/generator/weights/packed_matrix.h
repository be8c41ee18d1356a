#pragma once

// Weights in the layout of the kernels, in huge-page memory of our own.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/linear.h"
#include "services/generator/kernels/thread_pool.h"

namespace sluice::generator {

// Immutable after construction.
class PackedMatrix {
 public:
  PackedMatrix() = default;  // empty

  // Stacks the rows of `parts`, all [rows_i, columns] of F32, BF16 or F16.
  // Stored as bf16 when every part is, else as f32; both are exact.
  // REQUIRES: at least one part, all of rank 2 with equal, positive columns.
  // Errors: INVALID_ARGUMENT naming a tensor that holds NaN or infinity;
  // RESOURCE_EXHAUSTED when memory is short.
  static absl::StatusOr<PackedMatrix> Pack(
      absl::Span<const TensorView* const> parts, kernels::ThreadPool& pool);

  bool empty() const { return view_.rows == 0; }
  const kernels::PackedMatrixView& view() const { return view_; }
  int64_t bytes() const { return static_cast<int64_t>(memory_.size()); }

 private:
  kernels::HugeBuffer memory_;
  kernels::PackedMatrixView view_;
};

// All parts, one behind the other, as float32.
// Errors: as Pack.
absl::StatusOr<std::vector<float>> ReadVector(
    absl::Span<const TensorView* const> parts);

}  // namespace sluice::generator
