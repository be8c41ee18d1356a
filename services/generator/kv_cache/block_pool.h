#pragma once

// The KV cache as ids: which blocks are free and who holds the others. The
// bytes belong to the runner.

#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::generator {

// Every block is in exactly one state.
struct BlockCounts {
  int32_t total = 0;
  int32_t free = 0;
  int32_t active = 0;  // at least one BlockRef
  int32_t cached = 0;  // no BlockRef, contents kept for reuse
};

class BlockPool;

// One counted reference to a block; gives it back when destroyed. The pool
// must outlive it. Threads: those of the pool.
class BlockRef {
 public:
  BlockRef(BlockRef&& other) noexcept : pool_(other.pool_), id_(other.id_) {
    other.pool_ = nullptr;
  }
  BlockRef& operator=(BlockRef&& other) noexcept;
  BlockRef(const BlockRef&) = delete;
  BlockRef& operator=(const BlockRef&) = delete;
  ~BlockRef();

  int32_t id() const { return id_; }
  // True when nobody else holds the block: only then may it be written.
  bool unique() const;
  // A further reference to the same block.
  BlockRef Share() const;

 private:
  friend class BlockPool;
  BlockRef(BlockPool* pool, int32_t id) : pool_(pool), id_(id) {}

  BlockPool* pool_;
  int32_t id_;
};

// Hands out ids 0..block_count-1. Threads: engine thread only.
class BlockPool {
 public:
  // REQUIRES: block_count >= 1, block_size >= 1.
  BlockPool(int32_t block_count, int32_t block_size);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  // REQUIRES: every reference was given back.
  ~BlockPool();

  // A block nobody holds, or nothing when all are active.
  std::optional<BlockRef> Allocate();

  // Positions a block holds.
  int32_t block_size() const { return block_size_; }
  BlockCounts counts() const;
  // Blocks that Allocate could hand out now: free and cached ones.
  int32_t available() const { return static_cast<int32_t>(free_.size()); }
  int32_t references(int32_t id) const { return references_[id]; }
  // For the invariant checker: ids of the free blocks, in no order.
  const std::vector<int32_t>& free_blocks() const { return free_; }

  // Blocks that `positions` positions need.
  int32_t BlocksFor(int64_t positions) const {
    return static_cast<int32_t>((positions + block_size_ - 1) / block_size_);
  }

 private:
  friend class BlockRef;
  void Release(int32_t id);

  int32_t block_size_;
  std::vector<int32_t> references_;  // by id
  std::vector<int32_t> free_;        // a stack
};

}  // namespace sluice::generator
