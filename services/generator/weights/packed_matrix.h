#pragma once

// Weights in the layout of the kernels, in huge-page memory of our own.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/kernels/linear.h"
#include "services/generator/kernels/quant_view.h"
#include "services/generator/kernels/thread_pool.h"
#include "services/generator/quant/quant_format.h"

namespace sluice::generator {

// Exact or quantised; immutable after construction.
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

  // The same, quantised. Errors: also INVALID_ARGUMENT naming a tensor with a
  // number above kMaxQuantWeight.
  static absl::StatusOr<PackedMatrix> Quantize(
      absl::Span<const TensorView* const> parts, const QuantFormat& format,
      kernels::ThreadPool& pool);

  bool empty() const { return rows() == 0; }
  bool quantized() const { return quant_view_.rows > 0; }
  int32_t rows() const { return quantized() ? quant_view_.rows : view_.rows; }
  // REQUIRES: !quantized().
  const kernels::PackedMatrixView& view() const { return view_; }
  // REQUIRES: quantized().
  const kernels::QuantMatrixView& quant_view() const { return quant_view_; }
  // "f32", "bf16" or a name of QuantFormatName.
  std::string format_name() const;
  int64_t bytes() const { return static_cast<int64_t>(memory_.size()); }

 private:
  kernels::HugeBuffer memory_;
  kernels::PackedMatrixView view_;
  kernels::QuantMatrixView quant_view_;
};

// All parts, one behind the other, as float32.
// Errors: as Pack.
absl::StatusOr<std::vector<float>> ReadVector(
    absl::Span<const TensorView* const> parts);

}  // namespace sluice::generator
