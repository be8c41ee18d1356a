#pragma once

// Weights in the layout of the kernels.

#include <atomic>
#include <cstdint>
#include <optional>
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

// What a packed matrix looks like.
struct MatrixLayout {
  int32_t rows = 0;
  int32_t columns = 0;
  std::optional<QuantFormat> quantised;
  // Of what is not quantised.
  kernels::WeightFormat exact = kernels::WeightFormat::kF32;

  int64_t panels() const { return kernels::PanelCount(rows); }
  int64_t bytes() const;
};

// Of the rows of `parts`, all [rows_i, columns] of F32, BF16 or F16, stacked.
// Without a format bf16 when every part is, else f32; both are exact.
// REQUIRES: at least one part, all of rank 2 with equal, positive columns.
MatrixLayout LayoutOf(absl::Span<const TensorView* const> parts,
                      const std::optional<QuantFormat>& format);

// Exact or quantised; immutable after construction.
class PackedMatrix {
 public:
  PackedMatrix() = default;  // empty
  // Over bytes of that layout that are lent, 64-byte aligned.
  PackedMatrix(const MatrixLayout& layout, const uint8_t* bytes);

  // In memory of its own. REQUIRES, Errors: as LayoutOf and PanelPacker;
  // RESOURCE_EXHAUSTED when memory is short.
  static absl::StatusOr<PackedMatrix> Pack(
      absl::Span<const TensorView* const> parts, kernels::ThreadPool& pool);
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

 private:
  static absl::StatusOr<PackedMatrix> PackOwned(
      absl::Span<const TensorView* const> parts, const MatrixLayout& layout,
      kernels::ThreadPool& pool);

  kernels::HugeBuffer memory_;  // empty when lent
  kernels::PackedMatrixView view_;
  kernels::QuantMatrixView quant_view_;
};

// Writes the panels of a matrix. Threads: any; each panel by one.
class PanelPacker {
 public:
  // `parts` and `memory`, layout.bytes() of zeroes, are lent.
  PanelPacker(absl::Span<const TensorView* const> parts,
              const MatrixLayout& layout, uint8_t* memory)
      : parts_(parts), layout_(layout), memory_(memory) {}

  void Pack(int64_t panel);
  // Errors: INVALID_ARGUMENT naming a tensor that holds NaN, infinity or, when
  // quantised, a number above kMaxQuantWeight.
  absl::Status status() const;

 private:
  struct Source {
    int32_t part = 0;
    int64_t row = 0;
  };
  Source Locate(int64_t row) const;
  template <typename Element, typename Read>
  void PackExact(int64_t panel, Read read);
  void PackQuantised(int64_t panel);

  absl::Span<const TensorView* const> parts_;
  MatrixLayout layout_;
  uint8_t* memory_;
  std::atomic<int32_t> bad_part_{-1};
  std::atomic<int32_t> large_part_{-1};
};

// All parts, one behind the other, as float32.
// Errors: INVALID_ARGUMENT naming a tensor that holds NaN or infinity.
absl::StatusOr<std::vector<float>> ReadVector(
    absl::Span<const TensorView* const> parts);

}  // namespace sluice::generator
