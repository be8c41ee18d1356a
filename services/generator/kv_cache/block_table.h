#pragma once

// The blocks of one sequence, in order of position.

#include <cstdint>
#include <vector>

#include "services/generator/kv_cache/block_pool.h"
#include "services/generator/runner/step_plan.h"

namespace sluice::generator {

// What the cache holds of the beginning of a sequence.
struct PrefixMatch {
  std::vector<int32_t> blocks;  // kept blocks that match as a whole
  // A kept block whose first `part_positions` positions match those that
  // follow; 0: none.
  int32_t part_block = 0;
  int32_t part_positions = 0;
};

// Position p lies in block ids()[p / block_size]. Threads: engine thread only.
class BlockTable {
 public:
  // The pool must outlive the table.
  explicit BlockTable(BlockPool& pool) : pool_(&pool) {}
  BlockTable(BlockTable&&) = default;
  BlockTable& operator=(BlockTable&&) = default;
  ~BlockTable() { Clear(); }

  // Positions that the blocks hold.
  int64_t capacity() const {
    return static_cast<int64_t>(blocks_.size()) * pool_->block_size();
  }
  int32_t size() const { return static_cast<int32_t>(blocks_.size()); }
  std::vector<int32_t> ids() const;
  int32_t id(int32_t index) const { return blocks_[index].id(); }

  // Blocks that Grow(positions) would take from the pool.
  int32_t BlocksMissing(int64_t positions) const;
  // Takes blocks until `positions` fit. False, with nothing taken, when the
  // pool has too few.
  [[nodiscard]] bool Grow(int64_t positions);

  // Makes this empty table hold the first `positions` positions of `parent`:
  // whole blocks are shared, a begun one is copied (the copy is appended to
  // `copies`). False, with nothing taken, when the pool lacks a block for it.
  // REQUIRES: this is empty; parent's positions are written.
  [[nodiscard]] bool ForkFrom(const BlockTable& parent, int32_t positions,
                              std::vector<BlockCopy>& copies);

  // Makes this empty table begin with what matched: whole blocks are shared, a
  // part is copied (the copy is appended to `copies`).
  // REQUIRES: this is empty; of the match's cached blocks and one for a part,
  // the pool has as many available.
  void StartWith(const PrefixMatch& match, std::vector<BlockCopy>& copies);

  // True when nobody else holds the blocks of positions [first, end) and
  // nobody keeps their contents.
  bool Writable(int32_t first, int32_t end) const;

  // Gives every block back, the last first: of those that are kept, the end of
  // a prefix is evicted before its beginning.
  void Clear();

 private:
  BlockPool* pool_;
  std::vector<BlockRef> blocks_;
};

}  // namespace sluice::generator
