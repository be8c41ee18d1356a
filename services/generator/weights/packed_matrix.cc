#include "services/generator/weights/packed_matrix.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "services/generator/weights/tensor_reader.h"

namespace sluice::generator {
namespace {

using kernels::kPanelRows;
using kernels::WeightFormat;

// Columns moved at a time: source rows and target lines stay in L1.
constexpr int32_t kColumns = 128;

absl::Status NotFinite(const TensorView& tensor) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor ", tensor.name, ": holds NaN or infinity, finite weights only"));
}

// Where a row of the stacked matrix comes from.
struct SourceRow {
  int32_t part = 0;
  int64_t row = 0;
};

class Packer {
 public:
  Packer(absl::Span<const TensorView* const> parts,
         const kernels::PackedMatrixView& view, uint8_t* memory)
      : parts_(parts), view_(view), memory_(memory) {}

  void PackPanel(int64_t panel) {
    if (view_.format == WeightFormat::kF32) {
      PackPanelAs<float>(panel, ReadFloats);
    } else {
      PackPanelAs<uint16_t>(panel, ReadBf16);
    }
  }

  // The first part found to hold NaN or infinity, -1 for none.
  int32_t bad_part() const { return bad_part_.load(); }

 private:
  SourceRow Locate(int64_t row) const {
    SourceRow source{0, row};
    while (source.row >= parts_[source.part]->shape[0]) {
      source.row -= parts_[source.part]->shape[0];
      ++source.part;
    }
    return source;
  }

  template <typename Element, typename Read>
  void PackPanelAs(int64_t panel, Read read) {
    Element* to = reinterpret_cast<Element*>(memory_) +
                  panel * kPanelRows * view_.columns;
    const int64_t first = panel * kPanelRows;
    const int64_t rows = std::min<int64_t>(kPanelRows, view_.rows - first);
    for (int64_t r = 0; r < rows; ++r) {
      const SourceRow source = Locate(first + r);
      const TensorView& part = *parts_[source.part];
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

  absl::Span<const TensorView* const> parts_;
  kernels::PackedMatrixView view_;
  uint8_t* memory_;
  std::atomic<int32_t> bad_part_{-1};
};

}  // namespace

absl::StatusOr<PackedMatrix> PackedMatrix::Pack(
    absl::Span<const TensorView* const> parts, kernels::ThreadPool& pool) {
  SLUICE_CHECK(!parts.empty(), "nothing to pack");
  PackedMatrix matrix;
  kernels::PackedMatrixView& view = matrix.view_;
  view.format = WeightFormat::kBf16;
  for (const TensorView* part : parts) {
    SLUICE_CHECK(
        part->shape.size() == 2 && part->shape[1] == parts[0]->shape[1],
        "parts of a matrix differ in columns");
    view.rows += static_cast<int32_t>(part->shape[0]);
    if (part->type != TensorType::kBF16) view.format = WeightFormat::kF32;
  }
  view.columns = static_cast<int32_t>(parts[0]->shape[1]);
  const int64_t panels = kernels::PanelCount(view.rows);
  const size_t bytes = static_cast<size_t>(panels) * kPanelRows * view.columns *
                       (view.format == WeightFormat::kF32 ? 4 : 2);
  auto memory = kernels::HugeBuffer::Allocate(bytes);
  if (!memory.has_value()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "tensor ", parts[0]->name, ": no memory for ", bytes, " bytes"));
  }
  matrix.memory_ = *std::move(memory);
  view.panels = matrix.memory_.bytes();
  Packer packer(parts, view, matrix.memory_.bytes());
  pool.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(panels, 1,
               [&](int64_t panel, int64_t) { packer.PackPanel(panel); });
  });
  if (packer.bad_part() >= 0) return NotFinite(*parts[packer.bad_part()]);
  return matrix;
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
