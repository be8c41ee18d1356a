#include "services/generator/weights/packed_matrix.h"

#include <algorithm>
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

float LargestOf(const std::vector<float>& line) {
  float largest = 0.0f;
  for (float value : line) largest = std::max(largest, std::fabs(value));
  return largest;
}

kernels::QuantMatrixView QuantShapeOf(const MatrixLayout& layout) {
  return QuantShape(*layout.quantised, layout.rows, layout.columns);
}

}  // namespace

int64_t MatrixLayout::bytes() const {
  if (quantised) return QuantBytes(QuantShapeOf(*this));
  return panels() * kPanelRows * columns *
         (exact == WeightFormat::kF32 ? 4 : 2);
}

MatrixLayout LayoutOf(absl::Span<const TensorView* const> parts,
                      const std::optional<QuantFormat>& format) {
  SLUICE_CHECK(!parts.empty(), "nothing to pack");
  MatrixLayout layout;
  layout.columns = static_cast<int32_t>(parts[0]->shape[1]);
  layout.quantised = format;
  layout.exact = WeightFormat::kBf16;
  for (const TensorView* part : parts) {
    SLUICE_CHECK(part->shape.size() == 2 && part->shape[1] == layout.columns,
                 "parts of a matrix differ in columns");
    layout.rows += static_cast<int32_t>(part->shape[0]);
    if (part->type != TensorType::kBF16) layout.exact = WeightFormat::kF32;
  }
  return layout;
}

PanelPacker::Source PanelPacker::Locate(int64_t row) const {
  Source source{0, row};
  while (source.row >= parts_[source.part]->shape[0]) {
    source.row -= parts_[source.part]->shape[0];
    ++source.part;
  }
  return source;
}

void PanelPacker::Pack(int64_t panel) {
  if (layout_.quantised) {
    PackQuantised(panel);
  } else if (layout_.exact == WeightFormat::kF32) {
    PackExact<float>(panel, ReadFloats);
  } else {
    PackExact<uint16_t>(panel, ReadBf16);
  }
}

template <typename Element, typename Read>
void PanelPacker::PackExact(int64_t panel, Read read) {
  Element* to = reinterpret_cast<Element*>(memory_) +
                panel * kPanelRows * layout_.columns;
  const int64_t first = panel * kPanelRows;
  const int64_t rows = std::min<int64_t>(kPanelRows, layout_.rows - first);
  for (int64_t r = 0; r < rows; ++r) {
    const Source source = Locate(first + r);
    const TensorView& part = *parts_[source.part];
    for (int32_t k = 0; k < layout_.columns; k += kColumns) {
      const int32_t count = std::min(kColumns, layout_.columns - k);
      Element line[kColumns];
      if (!read(part, source.row * layout_.columns + k, count, line)) {
        bad_part_.store(source.part);
      }
      for (int32_t i = 0; i < count; ++i) {
        to[static_cast<int64_t>(k + i) * kPanelRows + r] = line[i];
      }
    }
  }
}

void PanelPacker::PackQuantised(int64_t panel) {
  const kernels::QuantMatrixView shape = QuantShapeOf(layout_);
  std::vector<float> line(shape.columns);
  const int64_t first = panel * kPanelRows;
  const int64_t rows = std::min<int64_t>(kPanelRows, shape.rows - first);
  for (int64_t r = 0; r < rows; ++r) {
    const Source source = Locate(first + r);
    if (!ReadFloats(*parts_[source.part], source.row * shape.columns,
                    shape.columns, line.data())) {
      bad_part_.store(source.part);
      return;
    }
    if (LargestOf(line) > kMaxQuantWeight) {
      large_part_.store(source.part);
      return;
    }
    QuantizeRowIntoPanel(shape, line.data(), static_cast<int32_t>(r),
                         memory_ + panel * shape.panel_bytes);
  }
}

absl::Status PanelPacker::status() const {
  if (bad_part_.load() >= 0) return NotFinite(*parts_[bad_part_.load()]);
  if (large_part_.load() >= 0) return TooLarge(*parts_[large_part_.load()]);
  return absl::OkStatus();
}

PackedMatrix::PackedMatrix(const MatrixLayout& layout, const uint8_t* bytes) {
  if (layout.quantised) {
    quant_view_ = QuantShapeOf(layout);
    quant_view_.panels = bytes;
  } else {
    view_ = {.panels = bytes,
             .format = layout.exact,
             .rows = layout.rows,
             .columns = layout.columns};
  }
}

absl::StatusOr<PackedMatrix> PackedMatrix::Pack(
    absl::Span<const TensorView* const> parts, kernels::ThreadPool& pool) {
  return PackOwned(parts, LayoutOf(parts, std::nullopt), pool);
}

absl::StatusOr<PackedMatrix> PackedMatrix::Quantize(
    absl::Span<const TensorView* const> parts, const QuantFormat& format,
    kernels::ThreadPool& pool) {
  return PackOwned(parts, LayoutOf(parts, format), pool);
}

absl::StatusOr<PackedMatrix> PackedMatrix::PackOwned(
    absl::Span<const TensorView* const> parts, const MatrixLayout& layout,
    kernels::ThreadPool& pool) {
  auto memory =
      kernels::HugeBuffer::Allocate(static_cast<size_t>(layout.bytes()));
  if (!memory.has_value()) {
    return absl::ResourceExhaustedError(absl::StrCat("tensor ", parts[0]->name,
                                                     ": no memory for ",
                                                     layout.bytes(), " bytes"));
  }
  PanelPacker packer(parts, layout, memory->bytes());
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(layout.panels(), 1,
               [&](int64_t panel, int64_t) { packer.Pack(panel); });
  });
  if (!packer.status().ok()) return packer.status();
  PackedMatrix matrix(layout, memory->bytes());
  matrix.memory_ = *std::move(memory);
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
