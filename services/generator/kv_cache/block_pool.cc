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
  warm_.assign(block_count, false);
  cached_at_.assign(block_count, cached_.end());
  free_.reserve(block_count);
  // Low ids first, so that a lightly used pool touches little memory.
  for (int32_t id = block_count - 1; id >= 0; --id) free_.push_back(id);
}

BlockPool::~BlockPool() {
  SLUICE_CHECK(
      free_.size() + cached_.size() + warm_at_rest_ == references_.size(),
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
  if (references_[id] == 0) {
    Unrest(id);
    free_.push_back(id);
  }
  kept_[id] = false;
  warm_[id] = false;
}

void BlockPool::SetWarm(int32_t id, bool warm) {
  SLUICE_CHECK(kept_[id], "only a kept block can be warm");
  const bool rests = references_[id] == 0;
  if (rests) Unrest(id);
  warm_[id] = warm;
  if (rests) Rest(id);
}

void BlockPool::Rest(int32_t id) {
  if (warm_[id]) {
    ++warm_at_rest_;
  } else {
    cached_at_[id] = cached_.insert(cached_.end(), id);
  }
}

void BlockPool::Unrest(int32_t id) {
  if (warm_[id]) {
    --warm_at_rest_;
  } else {
    cached_.erase(cached_at_[id]);
  }
}

BlockRef BlockPool::Hold(int32_t id) {
  SLUICE_CHECK(kept_[id], "only a kept block can be found again");
  if (references_[id]++ == 0) Unrest(id);
  return BlockRef(this, id);
}

BlockCounts BlockPool::counts() const {
  BlockCounts counts;
  counts.total = static_cast<int32_t>(references_.size());
  counts.free = static_cast<int32_t>(free_.size());
  counts.warm = warm_at_rest_;
  counts.cached = static_cast<int32_t>(cached_.size()) + warm_at_rest_;
  counts.active = counts.total - counts.free - counts.cached;
  return counts;
}

void BlockPool::Release(int32_t id) {
  SLUICE_CHECK(references_[id] > 0, "a block was given back twice");
  if (--references_[id] > 0) return;
  if (kept_[id]) {
    Rest(id);
  } else {
    free_.push_back(id);
  }
}

}  // namespace sluice::generator
