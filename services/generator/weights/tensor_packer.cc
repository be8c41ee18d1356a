#include "services/generator/weights/tensor_packer.h"

#include <algorithm>
#include <vector>

#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

struct Piece {
  const TensorView* tensor;
  int64_t index;
};

// What rows [begin, end) of stacked parts are in the files: bytes
// [first, last) of each part.
template <typename Visit>
void ForParts(absl::Span<const TensorView* const> parts, int64_t begin,
              int64_t end, const Visit& visit) {
  for (const TensorView* part : parts) {
    const int64_t rows = part->shape[0];
    const int64_t row_bytes = static_cast<int64_t>(part->bytes.size()) / rows;
    const int64_t first = std::clamp<int64_t>(begin, 0, rows);
    const int64_t last = std::clamp<int64_t>(end, 0, rows);
    if (first < last) visit(*part, first * row_bytes, last * row_bytes);
    begin -= rows;
    end -= rows;
  }
}

// The pieces that end in a slice: one that began in the slice before is read
// again from the page cache.
std::vector<Piece> PiecesThatEndIn(absl::Span<const TensorView* const> parts,
                                   int64_t begin, int64_t end) {
  std::vector<Piece> pieces;
  ForParts(parts, begin, end,
           [&](const TensorView& part, int64_t first, int64_t last) {
             const int64_t size = static_cast<int64_t>(part.bytes.size());
             const int64_t done = first / TensorHasher::kPieceBytes;
             const int64_t up_to = last == size
                                       ? TensorHasher::PieceCount(part)
                                       : last / TensorHasher::kPieceBytes;
             for (int64_t i = done; i < up_to; ++i)
               pieces.push_back({&part, i});
           });
  return pieces;
}

TensorView Part(const TensorView& tensor, int64_t first, int64_t last) {
  TensorView part = tensor;
  part.bytes = tensor.bytes.subspan(first, last - first);
  return part;
}

// Whole panels of about kSliceBytes in the files.
int64_t RowsAtOnce(absl::Span<const TensorView* const> parts) {
  const int64_t row_bytes =
      static_cast<int64_t>(parts[0]->bytes.size()) / parts[0]->shape[0];
  const int64_t panel_bytes = kernels::kPanelRows * row_bytes;
  return kernels::kPanelRows *
         std::max<int64_t>(1, TensorPacker::kSliceBytes / panel_bytes);
}

}  // namespace

void TensorPacker::Prefetch(absl::Span<const TensorView* const> parts) const {
  Prefetch(parts, 0);
}

void TensorPacker::Prefetch(absl::Span<const TensorView* const> parts,
                            int64_t row) const {
  ForParts(parts, row, row + RowsAtOnce(parts),
           [&](const TensorView& part, int64_t first, int64_t last) {
             reader_.PrefetchPages(Part(part, first, last));
           });
}

absl::Status TensorPacker::Matrix(absl::Span<const TensorView* const> parts,
                                  const MatrixLayout& layout, uint8_t* memory) {
  PanelPacker packer(parts, layout, memory);
  const int64_t rows_at_once = RowsAtOnce(parts);
  for (int64_t row = 0; row < layout.rows; row += rows_at_once) {
    const int64_t end = std::min<int64_t>(row + rows_at_once, layout.rows);
    Prefetch(parts, end);
    PackRows(parts, row, end, packer);
    RETURN_IF_ERROR(packer.status());
    Finish(parts, row, end);
  }
  return absl::OkStatus();
}

void TensorPacker::PackRows(absl::Span<const TensorView* const> parts,
                            int64_t begin, int64_t end, PanelPacker& packer) {
  const std::vector<Piece> pieces = PiecesThatEndIn(parts, begin, end);
  const int64_t count = static_cast<int64_t>(pieces.size());
  const int64_t first_panel = begin / kernels::kPanelRows;
  const int64_t panels =
      (end + kernels::kPanelRows - 1) / kernels::kPanelRows - first_panel;
  pool_.Run([&](kernels::ThreadPool::Worker& worker) {
    worker.For(count + panels, 1, [&](int64_t i, int64_t) {
      if (i < count) {
        hasher_.HashPiece(*pieces[i].tensor, pieces[i].index);
      } else {
        packer.Pack(first_panel + i - count);
      }
    });
  });
}

absl::Status TensorPacker::Vector(absl::Span<const TensorView* const> parts,
                                  float* memory) {
  ASSIGN_OR_RETURN(const std::vector<float> values, ReadVector(parts));
  std::copy(values.begin(), values.end(), memory);
  for (const TensorView* part : parts) {
    for (int64_t i = 0; i < TensorHasher::PieceCount(*part); ++i) {
      hasher_.HashPiece(*part, i);
    }
    Finish({part}, 0, part->shape[0]);
  }
  return absl::OkStatus();
}

void TensorPacker::Finish(absl::Span<const TensorView* const> parts,
                          int64_t begin, int64_t end) {
  ForParts(parts, begin, end,
           [&](const TensorView& part, int64_t first, int64_t last) {
             // With what hashing brought back of the slice before.
             const int64_t piece =
                 first / TensorHasher::kPieceBytes * TensorHasher::kPieceBytes;
             reader_.DropPages(Part(part, piece, last));
             progress_(last - first);
           });
}

}  // namespace sluice::generator
