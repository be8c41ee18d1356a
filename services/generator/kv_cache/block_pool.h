#pragma once

// The KV cache as ids: which blocks are free and who holds the others. The
// bytes belong to the runner.

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::generator {

// Every block is in exactly one state.
struct BlockCounts {
  int32_t total = 0;
  int32_t free = 0;
  int32_t active = 0;  // at least one BlockRef
  int32_t cached = 0;  // no BlockRef, contents kept for reuse
  int32_t warm = 0;    // of the cached ones, those that are not evicted
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
  // True when nobody else holds the block and its contents are not kept: only
  // then may it be written.
  bool unique() const;
  // A further reference to the same block.
  BlockRef Share() const;

 private:
  friend class BlockPool;
  BlockRef(BlockPool* pool, int32_t id) : pool_(pool), id_(id) {}

  BlockPool* pool_;
  int32_t id_;
};

// Hands out ids 0..block_count-1. A block whose contents are kept stays as it
// is after its last reference is gone, until Allocate finds no free one; then
// the one that lost its last reference first is evicted, but never a warm one.
// Threads: engine thread
// only.
class BlockPool {
 public:
  // REQUIRES: block_count >= 1, block_size >= 1.
  BlockPool(int32_t block_count, int32_t block_size);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  // REQUIRES: every reference was given back.
  ~BlockPool();

  // A block nobody holds, free ones first, or nothing when all are active or
  // warm.
  std::optional<BlockRef> Allocate();

  // The contents of an active block may be used again: it may not be written
  // any more. REQUIRES: the block is active and not kept.
  void Keep(int32_t id);
  // Its contents are of no use any more. REQUIRES: the block is kept.
  void Forget(int32_t id);
  // Whether a kept block is warm: it stays until it is forgotten or cooled.
  // REQUIRES: the block is kept.
  void SetWarm(int32_t id, bool warm);
  // A reference to a kept block, whether somebody holds it or not.
  BlockRef Hold(int32_t id);
  // Called for each block that is evicted, at that moment; it is not kept any
  // more. May not call the pool.
  void SetEvictionListener(std::function<void(int32_t)> listener) {
    on_evict_ = std::move(listener);
  }

  // Positions a block holds.
  int32_t block_size() const { return block_size_; }
  BlockCounts counts() const;
  // Blocks that Allocate could hand out now: free and cached ones, less warm.
  int32_t available() const {
    return static_cast<int32_t>(free_.size() + cached_.size());
  }
  int32_t references(int32_t id) const { return references_[id]; }
  bool kept(int32_t id) const { return kept_[id]; }
  bool warm(int32_t id) const { return warm_[id]; }
  // For the invariant checker: ids of the free blocks, in no order.
  const std::vector<int32_t>& free_blocks() const { return free_; }

  // Blocks that `positions` positions need.
  int32_t BlocksFor(int64_t positions) const {
    return static_cast<int32_t>((positions + block_size_ - 1) / block_size_);
  }

 private:
  friend class BlockRef;
  void Release(int32_t id);
  void Evict();
  // A kept block without references is to be found again, or is not any more.
  void Rest(int32_t id);
  void Unrest(int32_t id);

  int32_t block_size_;
  std::vector<int32_t> references_;  // by id
  std::vector<bool> kept_;           // by id
  std::vector<bool> warm_;           // by id; only of kept ones
  int32_t warm_at_rest_ = 0;         // warm, without a reference
  std::vector<int32_t> free_;        // a stack
  std::list<int32_t> cached_;        // the next to be evicted first
  // Where a cached block stands, by id.
  std::vector<std::list<int32_t>::iterator> cached_at_;
  std::function<void(int32_t)> on_evict_;
};

}  // namespace sluice::generator
