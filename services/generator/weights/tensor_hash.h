#pragma once

// What tells models apart in a fingerprint.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"
#include "common/modelfiles/safetensors.h"

namespace sluice::generator {

// A hash over name, type, shape and bytes of tensors: SHA-256 of pieces, then
// of all of those in the order of names. The order in which the tensors are
// named, shards and offsets do not matter. The pieces are hashed when the
// caller has their bytes at hand.
class TensorHasher {
 public:
  static constexpr int64_t kPieceBytes = int64_t{4} << 20;

  // The tensors are lent.
  explicit TensorHasher(std::vector<const TensorView*> tensors);

  // Piece i of a tensor begins at byte i * kPieceBytes.
  static int64_t PieceCount(const TensorView& tensor);
  // Threads: any; each piece of each tensor once.
  void HashPiece(const TensorView& tensor, int64_t piece);

  // Lower-case hex. REQUIRES: every piece of every tensor has been hashed.
  std::string Finish() const;

 private:
  std::vector<const TensorView*> tensors_;                     // by name
  std::unordered_map<std::string_view, int64_t> first_piece_;  // by name
  std::vector<std::string> digests_;
};

}  // namespace sluice::generator
