#include "services/generator/kv_cache/block_pool.h"

#include "common/base/check.h"

namespace sluice::generator {

BlockRef& BlockRef::operator=(BlockRef&& other) noexcept {
  if (this == &other) return *this;
  if (pool_ != nullptr) pool_->Release(id_);
  pool_ = other.pool_;
  id_ = other.id_;
  other.pool_ = nullptr;
  return *this;
}

BlockRef::~BlockRef() {
  if (pool_ != nullptr) pool_->Release(id_);
}

bool BlockRef::unique() const {
  return pool_->references_[id_] == 1 && !pool_->kept_[id_];
}

BlockRef BlockRef::Share() const {
  ++pool_->references_[id_];
  return BlockRef(pool_, id_);
}

BlockPool::BlockPool(int32_t block_count, int32_t block_size)
    : block_size_(block_size) {
  SLUICE_CHECK(block_count >= 1, "a pool needs a block");
  SLUICE_CHECK(block_size >= 1, "a block needs a position");
  references_.assign(block_count, 0);
  kept_.assign(block_count, false);
  cached_at_.assign(block_count, cached_.end());
  free_.reserve(block_count);
  // Low ids first, so that a lightly used pool touches little memory.
  for (int32_t id = block_count - 1; id >= 0; --id) free_.push_back(id);
}

BlockPool::~BlockPool() {
  SLUICE_CHECK(free_.size() + cached_.size() == references_.size(),
               "a block outlives its pool");
}

std::optional<BlockRef> BlockPool::Allocate() {
  if (available() == 0) return std::nullopt;
  if (free_.empty()) Evict();
  const int32_t id = free_.back();
  free_.pop_back();
  SLUICE_CHECK(references_[id] == 0, "a free block has references");
  references_[id] = 1;
  return BlockRef(this, id);
}

void BlockPool::Evict() {
  const int32_t id = cached_.front();
  Forget(id);
  if (on_evict_) on_evict_(id);
}

void BlockPool::Keep(int32_t id) {
  SLUICE_CHECK(references_[id] > 0, "only an active block can be kept");
  SLUICE_CHECK(!kept_[id], "a block is kept once");
  kept_[id] = true;
}

void BlockPool::Forget(int32_t id) {
  SLUICE_CHECK(kept_[id], "only a kept block can be forgotten");
  kept_[id] = false;
  if (references_[id] > 0) return;
  cached_.erase(cached_at_[id]);
  free_.push_back(id);
}

BlockRef BlockPool::Hold(int32_t id) {
  SLUICE_CHECK(kept_[id], "only a kept block can be found again");
  if (references_[id]++ == 0) cached_.erase(cached_at_[id]);
  return BlockRef(this, id);
}

BlockCounts BlockPool::counts() const {
  BlockCounts counts;
  counts.total = static_cast<int32_t>(references_.size());
  counts.free = static_cast<int32_t>(free_.size());
  counts.cached = static_cast<int32_t>(cached_.size());
  counts.active = counts.total - counts.free - counts.cached;
  return counts;
}

void BlockPool::Release(int32_t id) {
  SLUICE_CHECK(references_[id] > 0, "a block was given back twice");
  if (--references_[id] > 0) return;
  if (kept_[id]) {
    cached_at_[id] = cached_.insert(cached_.end(), id);
  } else {
    free_.push_back(id);
  }
}

}  // namespace sluice::generator
