#pragma once

// A row of logits with a few values changed, without a copy of the row: only
// blocks that hold a change are copied.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sluice::generator {

// Threads: engine thread only.
class PatchedRow {
 public:
  static constexpr size_t kBlock = 128;

  // The row as it is. It must outlive this, or the next Reset.
  void Reset(absl::Span<const float> row) {
    row_ = row;
    copies_.clear();
    copy_of_block_.assign((row.size() + kBlock - 1) / kBlock, kNone);
  }

  size_t size() const { return row_.size(); }
  size_t blocks() const { return copy_of_block_.size(); }

  // Values [index * kBlock, ...): kBlock of them, fewer in the last.
  absl::Span<const float> Block(size_t index) const {
    const absl::Span<const float> block = row_.subspan(index * kBlock, kBlock);
    const int32_t copy = copy_of_block_[index];
    if (copy == kNone) return block;
    return {copies_.data() + copy * kBlock, block.size()};
  }
  float operator[](size_t id) const { return Block(id / kBlock)[id % kBlock]; }

  // REQUIRES: id < size().
  void Set(size_t id, float value) {
    int32_t& copy = copy_of_block_[id / kBlock];
    if (copy == kNone) {
      const absl::Span<const float> block = Block(id / kBlock);
      copy = static_cast<int32_t>(copies_.size() / kBlock);
      copies_.insert(copies_.end(), block.begin(), block.end());
      copies_.resize((copy + 1) * kBlock);
    }
    copies_[copy * kBlock + id % kBlock] = value;
  }

 private:
  static constexpr int32_t kNone = -1;

  absl::Span<const float> row_;
  std::vector<float> copies_;  // whole blocks
  std::vector<int32_t> copy_of_block_;
};

}  // namespace sluice::generator
