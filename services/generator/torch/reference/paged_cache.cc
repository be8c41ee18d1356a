#include "services/generator/torch/reference/paged_cache.h"

#include <ATen/Functions.h>

#include "common/base/check.h"

namespace sluice::generator::reference {

PagedCache::PagedCache(const PagedCacheShape& shape) : shape_(shape) {
  const int64_t slots = int64_t{shape.blocks} * shape.block_size;
  for (int32_t layer = 0; layer < shape.layers; ++layer) {
    // Not zeroed: pages of blocks that are never used stay untouched.
    for (std::vector<at::Tensor>* pool : {&keys_, &values_}) {
      pool->push_back(
          at::empty({slots, shape.kv_heads, shape.head_dim}, at::kFloat));
    }
  }
}

void PagedCache::CheckBlock(int32_t block) const {
  SLUICE_CHECK(block >= 0 && block < shape_.blocks,
               "a plan names blocks of the pool only");
}

at::Tensor PagedCache::Slots(absl::Span<const int32_t> block_table,
                             int32_t first, int32_t end) const {
  SLUICE_CHECK(first >= 0 && first <= end, "positions go upward from zero");
  at::Tensor slots = at::empty({end - first}, at::kLong);
  int64_t* out = slots.data_ptr<int64_t>();
  for (int32_t position = first; position < end; ++position) {
    const size_t index = position / shape_.block_size;
    SLUICE_CHECK(index < block_table.size(),
                 "the block table covers every position");
    CheckBlock(block_table[index]);
    out[position - first] = int64_t{block_table[index]} * shape_.block_size +
                            position % shape_.block_size;
  }
  return slots;
}

void PagedCache::Copy(const BlockCopy& copy) {
  CheckBlock(copy.from_block);
  CheckBlock(copy.to_block);
  SLUICE_CHECK(copy.positions >= 0 && copy.positions <= shape_.block_size,
               "a copy stays within its block");
  const int64_t from = int64_t{copy.from_block} * shape_.block_size;
  const int64_t to = int64_t{copy.to_block} * shape_.block_size;
  for (const std::vector<at::Tensor>* pool : {&keys_, &values_}) {
    for (const at::Tensor& slots : *pool) {
      slots.narrow(0, to, copy.positions)
          .copy_(slots.narrow(0, from, copy.positions));
    }
  }
}

void PagedCache::Write(int32_t layer, const at::Tensor& slots,
                       const at::Tensor& keys, const at::Tensor& values) {
  keys_[layer].index_copy_(0, slots, keys);
  values_[layer].index_copy_(0, slots, values);
}

at::Tensor PagedCache::Keys(int32_t layer, const at::Tensor& slots) const {
  return keys_[layer].index_select(0, slots);
}

at::Tensor PagedCache::Values(int32_t layer, const at::Tensor& slots) const {
  return values_[layer].index_select(0, slots);
}

}  // namespace sluice::generator::reference
