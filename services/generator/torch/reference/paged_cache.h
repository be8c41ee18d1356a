#pragma once

// Keys and values of all layers in blocks of positions, as tensors.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/generator/runner/step_plan.h"

namespace sluice::generator::reference {

struct PagedCacheShape {
  int32_t layers = 0;
  int32_t blocks = 0;
  int32_t block_size = 0;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;

  // Of one block: all layers, keys and values.
  int64_t block_bytes() const {
    return int64_t{2} * layers * block_size * kv_heads * head_dim *
           static_cast<int64_t>(sizeof(float));
  }
};

// A slot is one position of one block: block * block_size + offset.
// Threads: engine thread only.
class PagedCache {
 public:
  // Throws c10::Error when the memory cannot be had.
  explicit PagedCache(const PagedCacheShape& shape);

  // Slots of positions [first, end) of a sequence: int64 [end - first].
  // REQUIRES: the table covers them and names blocks of the pool.
  at::Tensor Slots(absl::Span<const int32_t> block_table, int32_t first,
                   int32_t end) const;

  // REQUIRES: both blocks exist, 0 <= positions <= block_size.
  void Copy(const BlockCopy& copy);

  // keys, values: float32 [slots, kv_heads, head_dim].
  void Write(int32_t layer, const at::Tensor& slots, const at::Tensor& keys,
             const at::Tensor& values);

  // float32 [slots, kv_heads, head_dim] each.
  at::Tensor Keys(int32_t layer, const at::Tensor& slots) const;
  at::Tensor Values(int32_t layer, const at::Tensor& slots) const;

 private:
  void CheckBlock(int32_t block) const;

  const PagedCacheShape shape_;
  // One per layer: [blocks * block_size, kv_heads, head_dim].
  std::vector<at::Tensor> keys_;
  std::vector<at::Tensor> values_;
};

}  // namespace sluice::generator::reference
