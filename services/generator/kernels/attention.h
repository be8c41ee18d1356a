#pragma once

// Causal attention over KV blocks, by parts of 256 absolute positions and in
// them by tiles of 64 with an online softmax.
//
// Order, the same for any chunking, batch, instruction set and share-out among
// threads: a query vector meets the tiles 0, 1, ... of a part that hold
// positions up to its own. In a tile a score is one fused multiply-add after
// the other over the head; the weights are summed in 16 lanes (position % 16),
// lanes by halving; values are added position after position. The parts 0, 1,
// ... are joined one after the other: both sides are brought to the larger
// maximum, then part * factor is added to total * factor with a fused
// multiply-add.
//
// Keys and values in bf16 meet query vectors and weights rounded to bf16 (the
// sum of weights takes them as they were), two at a time: dimensions 2i + 1 and
// 2i of a score, positions 2i + 1 and 2i of a value, the odd one first; a
// missing odd position counts as zero times zero. Everything below 2^-126 is
// zero there. That is the bf16 multiply-add of AVX-512, which others follow.
// Source: Dao et al., FlashAttention (2022), algorithm 1; Dao et al.,
// Flash-Decoding (2023) for the parts.

#include <cstdint>

namespace sluice::generator::kernels {

inline constexpr int32_t kAttentionTile = 64;
inline constexpr int32_t kAttentionPart = 256;
// Keys of 16 positions stand together: [head_dim][16], in bf16
// [head_dim / 2][16][2].
inline constexpr int32_t kKeyGroup = 16;
// Values of a position are padded to a multiple of 16 numbers.
inline constexpr int32_t kValueAlign = 16;

// kInt8: numbers of one key (or value) share a float32 scale, the largest
// magnitude / 127; a score is multiplied by its key's scale, a weight by its
// value's, once each, before it is used.
enum class KvFormat : int32_t { kF32, kBf16, kInt8 };

// How one KV head lies in one block: keys [block_size / 16][head_dim][16], then
// values [block_size][padded head_dim], then with kInt8 the scales of the keys
// [block_size] and of the values [block_size]. With kBf16 pairs stand side by
// side: keys [block_size / 16][head_dim / 2][16][2], values
// [block_size / 2][padded head_dim][2].
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
  // Which element of the keys, or of the values, number d of a slot is.
  constexpr int64_t key_index(int32_t slot, int32_t d) const {
    const int64_t group = int64_t{slot / kKeyGroup} * head_dim * kKeyGroup;
    const int32_t lane = slot % kKeyGroup;
    return group + (format == KvFormat::kBf16
                        ? d / 2 * 2 * kKeyGroup + 2 * lane + d % 2
                        : d * kKeyGroup + lane);
  }
  constexpr int64_t value_index(int32_t slot, int32_t d) const {
    return format == KvFormat::kBf16
               ? slot / 2 * 2 * value_stride() + 2 * d + slot % 2
               : slot * value_stride() + d;
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
  // Null, or where the parts of these vectors are left for AttentionMergeFn:
  // [parts][vectors of the call] partials of PartialFloats each.
  float* partials = nullptr;
  int32_t part = 0;  // with partials: the one to attend to
};

inline constexpr int32_t kMaxAttentionHeadDim = 1024;

constexpr int32_t AttentionParts(int32_t length) {
  return (length + kAttentionPart - 1) / kAttentionPart;
}
// A partial: the maximum, the sum, room up to kPartialValues, the values.
inline constexpr int32_t kPartialValues = 16;
constexpr int64_t PartialFloats(const KvLayout& layout) {
  return kPartialValues + layout.value_stride();
}

// Attends with vectors [vector_begin, vector_end).
// REQUIRES: head_dim <= kMaxAttentionHeadDim; the block table covers the
// positions; with partials, every vector sees positions of the part. Slots past
// a vector's own position are not used, whatever they hold. Threads: any; calls
// with disjoint vectors or parts may run together.
using AttentionFn = void (*)(const AttentionCall& call, int32_t vector_begin,
                             int32_t vector_end);

// Fills `out` from the partials of parts [0, call.part) of vectors that see
// all of these and no other; the same bits as without partials.
using AttentionMergeFn = AttentionFn;

void AttentionScalar(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end);
void AttentionAvx2(const AttentionCall& call, int32_t vector_begin,
                   int32_t vector_end);
void AttentionAvx512(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end);
// AVX-512 F, BW, VL, DQ and BF16.
void AttentionAvx512Bf16(const AttentionCall& call, int32_t vector_begin,
                         int32_t vector_end);

void AttentionMergeScalar(const AttentionCall& call, int32_t vector_begin,
                          int32_t vector_end);
void AttentionMergeAvx2(const AttentionCall& call, int32_t vector_begin,
                        int32_t vector_end);

}  // namespace sluice::generator::kernels
