#include "services/generator/kv_cache/block_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/check.h"

namespace sluice::generator {

std::vector<int32_t> BlockTable::ids() const {
  std::vector<int32_t> ids;
  ids.reserve(blocks_.size());
  for (const BlockRef& block : blocks_) ids.push_back(block.id());
  return ids;
}

int32_t BlockTable::BlocksMissing(int64_t positions) const {
  return std::max(0, pool_->BlocksFor(positions) - size());
}

bool BlockTable::Grow(int64_t positions) {
  const int32_t missing = BlocksMissing(positions);
  if (missing > pool_->available()) return false;
  for (int32_t i = 0; i < missing; ++i) {
    std::optional<BlockRef> block = pool_->Allocate();
    SLUICE_CHECK(block.has_value(), "available blocks can be allocated");
    blocks_.push_back(*std::move(block));
  }
  return true;
}

bool BlockTable::ForkFrom(const BlockTable& parent, int32_t positions,
                          std::vector<BlockCopy>& copies) {
  SLUICE_CHECK(blocks_.empty(), "only an empty table can fork");
  SLUICE_CHECK(positions <= parent.capacity(), "the parent lacks positions");
  const int32_t whole = positions / pool_->block_size();
  const int32_t rest = positions % pool_->block_size();
  std::optional<BlockRef> last;
  if (rest > 0) {
    last = pool_->Allocate();
    if (!last.has_value()) return false;
  }
  for (int32_t i = 0; i < whole; ++i) {
    blocks_.push_back(parent.blocks_[i].Share());
  }
  if (last.has_value()) {
    copies.push_back({.from_block = parent.blocks_[whole].id(),
                      .to_block = last->id(),
                      .positions = rest});
    blocks_.push_back(*std::move(last));
  }
  return true;
}

void BlockTable::StartWith(const PrefixMatch& match,
                           std::vector<BlockCopy>& copies) {
  SLUICE_CHECK(blocks_.empty(), "only an empty table can start");
  for (int32_t id : match.blocks) blocks_.push_back(pool_->Hold(id));
  if (match.part_positions == 0) return;
  // To be copied is to be used: it is not the next to be evicted.
  { const BlockRef used = pool_->Hold(match.part_block); }
  std::optional<BlockRef> part = pool_->Allocate();
  SLUICE_CHECK(part.has_value(), "available blocks can be allocated");
  // The last cached block of the pool may be evicted for its own copy.
  if (part->id() != match.part_block) {
    copies.push_back({.from_block = match.part_block,
                      .to_block = part->id(),
                      .positions = match.part_positions});
  }
  blocks_.push_back(*std::move(part));
}

void BlockTable::Clear() {
  while (!blocks_.empty()) blocks_.pop_back();
}

bool BlockTable::Writable(int32_t first, int32_t end) const {
  for (int32_t i = first / pool_->block_size(); i < pool_->BlocksFor(end);
       ++i) {
    if (!blocks_[i].unique()) return false;
  }
  return true;
}

}  // namespace sluice::generator
