#include "services/generator/weights/tensor_hash.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/sha256.h"

namespace sluice::generator {

TensorHasher::TensorHasher(std::vector<const TensorView*> tensors)
    : tensors_(std::move(tensors)) {
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorView* a, const TensorView* b) {
              return a->name < b->name;
            });
  int64_t pieces = 0;
  for (const TensorView* tensor : tensors_) {
    first_piece_[tensor->name] = pieces;
    pieces += PieceCount(*tensor);
  }
  digests_.resize(static_cast<size_t>(pieces));
}

int64_t TensorHasher::PieceCount(const TensorView& tensor) {
  return (static_cast<int64_t>(tensor.bytes.size()) + kPieceBytes - 1) /
         kPieceBytes;
}

void TensorHasher::HashPiece(const TensorView& tensor, int64_t piece) {
  const auto first = first_piece_.find(tensor.name);
  SLUICE_CHECK(first != first_piece_.end(), "a tensor that is not hashed");
  const std::string_view bytes(
      reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  digests_[first->second + piece] =
      Sha256Hex(bytes.substr(piece * kPieceBytes, kPieceBytes));
}

std::string TensorHasher::Finish() const {
  Sha256 all;
  for (const TensorView* tensor : tensors_) {
    all.Update(absl::StrCat(tensor->name.size(), ":", tensor->name, " ",
                            std::string(TensorTypeName(tensor->type)), " ",
                            ShapeToString(tensor->shape), "\n"));
  }
  for (const std::string& digest : digests_) {
    SLUICE_CHECK(!digest.empty(), "a piece of a tensor has not been hashed");
    all.Update(digest);
  }
  return all.FinishHex();
}

}  // namespace sluice::generator
