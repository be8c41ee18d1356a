#pragma once

// The memory of the KV blocks: [block][layer][kv head][keys, values].

#include <cstdint>

#include "absl/status/statusor.h"
#include "services/generator/kernels/attention.h"
#include "services/generator/kernels/huge_buffer.h"
#include "services/generator/models/model_config.h"
#include "services/generator/runner/step_plan.h"

namespace sluice::generator {

// Threads: one writer per position, as the runner arranges.
class KvPool {
 public:
  // Errors: RESOURCE_EXHAUSTED when the address space is refused.
  static absl::StatusOr<KvPool> Create(const ModelConfig& config,
                                       kernels::KvFormat format,
                                       int32_t block_size, int32_t block_count);

  // Of one block over all layers.
  static int64_t BlockBytes(const ModelConfig& config, kernels::KvFormat format,
                            int32_t block_size);

  int32_t block_count() const { return block_count_; }
  int32_t block_size() const { return layout_.block_size; }
  int64_t block_bytes() const { return block_bytes_; }

  // One head of one layer as the kernels see it, for the blocks of a sequence.
  kernels::KvHeadView View(int32_t layer, int32_t head,
                           const int32_t* block_table);

  // The slots past `copy.positions` are copied as well; they mean nothing.
  void Copy(const BlockCopy& copy);

 private:
  KvPool() = default;

  kernels::KvLayout layout_;
  int32_t kv_heads_ = 0;
  int32_t block_count_ = 0;
  int64_t block_bytes_ = 0;
  kernels::HugeBuffer memory_;
};

}  // namespace sluice::generator
