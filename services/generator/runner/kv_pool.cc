#include "services/generator/runner/kv_pool.h"

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::generator {

int64_t KvPool::BlockBytes(const ModelConfig& config, kernels::KvFormat format,
                           int32_t block_size) {
  const kernels::KvLayout layout{format, block_size, config.head_dim};
  return layout.head_bytes() * config.kv_heads * config.layers;
}

absl::StatusOr<KvPool> KvPool::Create(const ModelConfig& config,
                                      kernels::KvFormat format,
                                      int32_t block_size, int32_t block_count) {
  KvPool pool;
  pool.layout_ = {format, block_size, config.head_dim};
  pool.kv_heads_ = config.kv_heads;
  pool.block_count_ = block_count;
  pool.block_bytes_ = BlockBytes(config, format, block_size);
  int64_t bytes = 0;
  const bool overflows =
      __builtin_mul_overflow(pool.block_bytes_, int64_t{block_count}, &bytes);
  auto memory = overflows
                    ? std::nullopt
                    : kernels::HugeBuffer::Allocate(static_cast<size_t>(bytes));
  if (!memory.has_value()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("KV pool: no memory for ", block_count, " blocks of ",
                     pool.block_bytes_, " bytes"));
  }
  pool.memory_ = *std::move(memory);
  return pool;
}

kernels::KvHeadView KvPool::View(int32_t layer, int32_t head,
                                 const int32_t* block_table) {
  const int64_t index = int64_t{layer} * kv_heads_ + head;
  return {.layout = layout_,
          .base = memory_.bytes() + index * layout_.head_bytes(),
          .block_stride = block_bytes_,
          .block_table = block_table};
}

void KvPool::Copy(const BlockCopy& copy) {
  if (copy.from_block == copy.to_block) return;
  std::memcpy(memory_.bytes() + copy.to_block * block_bytes_,
              memory_.bytes() + copy.from_block * block_bytes_,
              static_cast<size_t>(block_bytes_));
}

}  // namespace sluice::generator
