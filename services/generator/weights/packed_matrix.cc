#include "services/generator/weights/packed_matrix.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "services/generator/quant/quant_panel.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator {
namespace {

using kernels::kPanelRows;
using kernels::WeightFormat;

static_assert(kPanelRows == kernels::kQuantPanelRows);

// Columns moved at a time: source rows and target lines stay in L1.
constexpr int32_t kColumns = 128;

absl::Status NotFinite(const TensorView& tensor) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor ", tensor.name, ": holds NaN or infinity, finite weights only"));
}

absl::Status TooLarge(const TensorView& tensor) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor ", tensor.name, ": too large a number for quantised weights, ",
      "limit ", kMaxQuantWeight, "; --quantize=none takes it"));
}

// The rows of parts stacked on each other.
class StackedRows {
 public:
  explicit StackedRows(absl::Span<const TensorView* const> parts)
      : parts_(parts) {
    SLUICE_CHECK(!parts.empty(), "nothing to pack");
    columns_ = static_cast<int32_t>(parts[0]->shape[1]);
    for (const TensorView* part : parts) {
      SLUICE_CHECK(part->shape.size() == 2 && part->shape[1] == columns_,
                   "parts of a matrix differ in columns");
      rows_ += static_cast<int32_t>(part->shape[0]);
    }
  }

  struct Source {
    int32_t part = 0;
    int64_t row = 0;
  };
  Source Locate(int64_t row) const {
    Source source{0, row};
    while (source.row >= parts_[source.part]->shape[0]) {
      source.row -= parts_[source.part]->shape[0];
      ++source.part;
    }
    return source;
  }

  bool all_bf16() const {
    return std::all_of(
        parts_.begin(), parts_.end(),
        [](const TensorView* part) { return part->type == TensorType::kBF16; });
  }
  int32_t rows() const { return rows_; }
  int32_t columns() const { return columns_; }
  int64_t panels() const { return kernels::PanelCount(rows_); }
  const TensorView& part(int32_t index) const { return *parts_[index]; }

 private:
  absl::Span<const TensorView* const> parts_;
  int32_t rows_ = 0;
  int32_t columns_ = 0;
};

// Writes exact panels.
class Packer {
 public:
  Packer(const StackedRows& rows, const kernels::PackedMatrixView& view,
         uint8_t* memory)
      : rows_(rows), view_(view), memory_(memory) {}

  void PackPanel(int64_t panel) {
    if (view_.format == WeightFormat::kF32) {
      PackPanelAs<float>(panel, ReadFloats);
    } else {
      PackPanelAs<uint16_t>(panel, ReadBf16);
    }
  }

  absl::Status status() const {
    if (bad_part_.load() < 0) return absl::OkStatus();
    return NotFinite(rows_.part(bad_part_.load()));
  }

 private:
  template <typename Element, typename Read>
  void PackPanelAs(int64_t panel, Read read) {
    Element* to = reinterpret_cast<Element*>(memory_) +
                  panel * kPanelRows * view_.columns;
    const int64_t first = panel * kPanelRows;
    const int64_t rows = std::min<int64_t>(kPanelRows, view_.rows - first);
    for (int64_t r = 0; r < rows; ++r) {
      const StackedRows::Source source = rows_.Locate(first + r);
      const TensorView& part = rows_.part(source.part);
      for (int32_t k = 0; k < view_.columns; k += kColumns) {
        const int32_t count = std::min(kColumns, view_.columns - k);
        Element line[kColumns];
        if (!read(part, source.row * view_.columns + k, count, line)) {
          bad_part_.store(source.part);
        }
        for (int32_t i = 0; i < count; ++i) {
          to[static_cast<int64_t>(k + i) * kPanelRows + r] = line[i];
        }
      }
    }
  }

  const StackedRows& rows_;
  kernels::PackedMatrixView view_;
  uint8_t* memory_;
  std::atomic<int32_t> bad_part_{-1};
};

// Writes quantised panels.
class Quantizer {
 public:
  Quantizer(const StackedRows& rows, const kernels::QuantMatrixView& shape,
            uint8_t* memory)
      : rows_(rows), shape_(shape), memory_(memory) {}

  void QuantizePanel(int64_t panel) {
    std::vector<float> line(shape_.columns);
    const int64_t first = panel * kPanelRows;
    const int64_t rows = std::min<int64_t>(kPanelRows, shape_.rows - first);
    for (int64_t r = 0; r < rows; ++r) {
      const StackedRows::Source source = rows_.Locate(first + r);
      if (!ReadFloats(rows_.part(source.part), source.row * shape_.columns,
                      shape_.columns, line.data())) {
        bad_part_.store(source.part);
        return;
      }
      if (LargestOf(line) > kMaxQuantWeight) {
        large_part_.store(source.part);
        return;
      }
      QuantizeRowIntoPanel(shape_, line.data(), static_cast<int32_t>(r),
                           memory_ + panel * shape_.panel_bytes);
    }
  }

  absl::Status status() const {
    if (bad_part_.load() >= 0) return NotFinite(rows_.part(bad_part_.load()));
    if (large_part_.load() >= 0) {
      return TooLarge(rows_.part(large_part_.load()));
    }
    return absl::OkStatus();
  }

 private:
  static float LargestOf(const std::vector<float>& line) {
    float largest = 0.0f;
    for (float value : line) largest = std::max(largest, std::fabs(value));
    return largest;
  }

  const StackedRows& rows_;
  kernels::QuantMatrixView shape_;
  uint8_t* memory_;
  std::atomic<int32_t> bad_part_{-1};
  std::atomic<int32_t> large_part_{-1};
};

absl::StatusOr<kernels::HugeBuffer> Take(const StackedRows& rows,
                                         int64_t bytes) {
  auto memory = kernels::HugeBuffer::Allocate(static_cast<size_t>(bytes));
  if (memory.has_value()) return *std::move(memory);
  return absl::ResourceExhaustedError(absl::StrCat(
      "tensor ", rows.part(0).name, ": no memory for ", bytes, " bytes"));
}

template <typename Body>
void ForPanels(const StackedRows& rows, kernels::ThreadPool& pool,
               const Body& body) {
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(rows.panels(), 1, [&](int64_t panel, int64_t) { body(panel); });
  });
}

}  // namespace

absl::StatusOr<PackedMatrix> PackedMatrix::Pack(
    absl::Span<const TensorView* const> parts, kernels::ThreadPool& pool) {
  const StackedRows rows(parts);
  PackedMatrix matrix;
  kernels::PackedMatrixView& view = matrix.view_;
  view.format = rows.all_bf16() ? WeightFormat::kBf16 : WeightFormat::kF32;
  view.rows = rows.rows();
  view.columns = rows.columns();
  const int64_t bytes = rows.panels() * kPanelRows * view.columns *
                        (view.format == WeightFormat::kF32 ? 4 : 2);
  auto memory = Take(rows, bytes);
  if (!memory.ok()) return memory.status();
  matrix.memory_ = *std::move(memory);
  view.panels = matrix.memory_.bytes();
  Packer packer(rows, view, matrix.memory_.bytes());
  ForPanels(rows, pool, [&](int64_t panel) { packer.PackPanel(panel); });
  if (!packer.status().ok()) return packer.status();
  return matrix;
}

absl::StatusOr<PackedMatrix> PackedMatrix::Quantize(
    absl::Span<const TensorView* const> parts, const QuantFormat& format,
    kernels::ThreadPool& pool) {
  const StackedRows rows(parts);
  PackedMatrix matrix;
  kernels::QuantMatrixView& view = matrix.quant_view_;
  view = QuantShape(format, rows.rows(), rows.columns());
  auto memory = Take(rows, QuantBytes(view));
  if (!memory.ok()) return memory.status();
  matrix.memory_ = *std::move(memory);
  view.panels = matrix.memory_.bytes();
  Quantizer quantizer(rows, view, matrix.memory_.bytes());
  ForPanels(rows, pool, [&](int64_t panel) { quantizer.QuantizePanel(panel); });
  if (!quantizer.status().ok()) return quantizer.status();
  return matrix;
}

std::string PackedMatrix::format_name() const {
  if (quantized()) return QuantFormatName(FormatOf(quant_view_));
  return view_.format == WeightFormat::kF32 ? "f32" : "bf16";
}

absl::StatusOr<std::vector<float>> ReadVector(
    absl::Span<const TensorView* const> parts) {
  std::vector<float> values;
  for (const TensorView* part : parts) {
    const size_t at = values.size();
    values.resize(at + static_cast<size_t>(part->elements()));
    if (!ReadFloats(*part, 0, part->elements(), values.data() + at)) {
      return NotFinite(*part);
    }
  }
  return values;
}

}  // namespace sluice::generator
