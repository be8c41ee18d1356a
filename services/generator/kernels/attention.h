#pragma once

// Causal attention over KV blocks, by tiles of 64 absolute positions with an
// online softmax.
//
// Order, the same for any chunking, batch and instruction set: a query vector
// meets the tiles 0, 1, ... that hold positions up to its own. In a tile a
// score is one fused multiply-add after the other over the head; the weights
// are summed in 16 lanes (position % 16), lanes by halving; values are added
// position after position.
// Source: Dao et al., FlashAttention (2022), algorithm 1.

#include <cstdint>

namespace sluice::generator::kernels {

inline constexpr int32_t kAttentionTile = 64;
// Keys of 16 positions stand together: [head_dim][16].
inline constexpr int32_t kKeyGroup = 16;
// Values of a position are padded to a multiple of 16 numbers.
inline constexpr int32_t kValueAlign = 16;

// kInt8: numbers of one key (or value) share a float32 scale, the largest
// magnitude / 127; a score is multiplied by its key's scale, a weight by its
// value's, once each, before it is used.
enum class KvFormat : int32_t { kF32, kBf16, kInt8 };

// How one KV head lies in one block: keys [block_size / 16][head_dim][16], then
// values [block_size][padded head_dim], then with kInt8 the scales of the keys
// [block_size] and of the values [block_size].
struct KvLayout {
  KvFormat format = KvFormat::kF32;
  int32_t block_size = 0;  // positions, a multiple of 16
  int32_t head_dim = 0;    // even

  constexpr int64_t element_bytes() const {
    return format == KvFormat::kF32 ? 4 : format == KvFormat::kBf16 ? 2 : 1;
  }
  constexpr int64_t value_stride() const {  // elements
    return (head_dim + kValueAlign - 1) / kValueAlign * kValueAlign;
  }
  constexpr int64_t value_offset() const {  // bytes
    const int64_t bytes = element_bytes() * block_size * head_dim;
    return (bytes + 63) / 64 * 64;
  }
  constexpr int64_t scale_offset() const {  // bytes, a multiple of 64
    return value_offset() + element_bytes() * block_size * value_stride();
  }
  constexpr int64_t head_bytes() const {
    const int64_t scales = format == KvFormat::kInt8 ? 2 : 0;
    return scale_offset() + scales * int64_t{sizeof(float)} * block_size;
  }
};

// Where one KV head of one layer lies: block b at base + b * block_stride.
struct KvHeadView {
  KvLayout layout;
  uint8_t* base = nullptr;  // 64-byte aligned, as is block_stride
  int64_t block_stride = 0;
  const int32_t* block_table = nullptr;  // of one sequence
};

// The query vectors of one sequence that share a KV head. Vector v is head
// v % group of row v / group; row i stands at position first_position + i.
struct AttentionCall {
  KvHeadView kv;
  const float* q = nullptr;  // [rows, group, head_dim] in a wider row
  int64_t q_stride = 0;      // floats from row to row
  int32_t group = 1;         // query heads per KV head
  int32_t first_position = 0;
  float scale = 1.0f;
  float* out = nullptr;  // as q
  int64_t out_stride = 0;
};

inline constexpr int32_t kMaxAttentionHeadDim = 1024;

// Attends with vectors [vector_begin, vector_end).
// REQUIRES: head_dim <= kMaxAttentionHeadDim; the block table covers the
// positions. Slots past a vector's own position are not used, whatever they
// hold. Threads: any; calls with disjoint vectors may run together.
using AttentionFn = void (*)(const AttentionCall& call, int32_t vector_begin,
                             int32_t vector_end);

void AttentionScalar(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end);
void AttentionAvx2(const AttentionCall& call, int32_t vector_begin,
                   int32_t vector_end);
void AttentionAvx512(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end);

}  // namespace sluice::generator::kernels
