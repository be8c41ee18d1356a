#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/attention.h"
#include "services/generator/kernels/attention_lanes_avx512.h"

#ifndef SLUICE_ATTENTION
#define SLUICE_ATTENTION AttentionAvx512
#endif

namespace sluice::generator::kernels {
namespace {

// Query vectors that share the loads of keys and values.
constexpr int kVectors = 6;
constexpr int32_t kLanes = 16;
constexpr int kGroups = kAttentionTile / kKeyGroup;
// Registers of values per vector.
constexpr int kUnits = 4;

// Rows of vectors stand a line apart from a power of two: they do not compete
// for the same lines of a cache.
constexpr int32_t kApart = 16;
using Rows = float[kVectors][kMaxAttentionHeadDim + kApart];

// The online softmax of up to kVectors query vectors over some positions.
struct Softened {
  alignas(64) Rows values;
  float max[kVectors];
  float sum[kVectors];
};

struct State {
  alignas(64) Rows q;
  alignas(64) float weights[kVectors][kAttentionTile];
  // With bf16: q and weights once more, pairs in a word.
  alignas(64) uint32_t q_pairs[kVectors][kMaxAttentionHeadDim / 2 + kApart];
  alignas(64) uint32_t weight_pairs[kVectors][kAttentionTile / 2];
  Softened part;
  Softened total;
  int32_t length[kVectors];  // positions the vector sees
};

// Of a tile: where each group of 16 positions has its keys and its values.
template <typename Element>
struct TileView {
  const Element* keys[kGroups];
  const Element* values[kGroups];
  const float* key_scales[kGroups];  // with 8-bit elements
  const float* value_scales[kGroups];
  const Element* next_keys[kGroups];  // of the next tile, or any
  int32_t groups;
};

// Where 16 positions begin.
inline const uint8_t* BlockAt(const KvHeadView& kv, int32_t position) {
  const int64_t block = kv.block_table[position / kv.layout.block_size];
  return kv.base + block * kv.block_stride;
}

template <typename Element>
inline const Element* KeysAt(const KvHeadView& kv, int32_t position) {
  const int64_t slot = position % kv.layout.block_size;
  return reinterpret_cast<const Element*>(BlockAt(kv, position)) +
         slot * kv.layout.head_dim;
}

// Positions [begin, end), or the first tile of them.
template <typename Element>
TileView<Element> ViewTile(const KvHeadView& kv, int32_t begin, int32_t end) {
  const KvLayout& layout = kv.layout;
  const int32_t count =
      end - begin < kAttentionTile ? end - begin : kAttentionTile;
  const int64_t value_offset = layout.value_offset();
  TileView<Element> view;
  view.groups = (count + kKeyGroup - 1) / kKeyGroup;
  for (int32_t g = 0; g < view.groups; ++g) {
    const int32_t position = begin + g * kKeyGroup;
    const int32_t slot = position % layout.block_size;
    const uint8_t* base = BlockAt(kv, position);
    const int32_t next = position + kAttentionTile;
    view.keys[g] = KeysAt<Element>(kv, position);
    view.next_keys[g] = next < end ? KeysAt<Element>(kv, next) : view.keys[g];
    view.values[g] = reinterpret_cast<const Element*>(base + value_offset) +
                     slot * layout.value_stride();
    view.key_scales[g] =
        reinterpret_cast<const float*>(base + layout.scale_offset()) + slot;
    view.value_scales[g] = view.key_scales[g] + layout.block_size;
  }
  return view;
}

template <int kRows, int kCount, typename Element>
void ScoreGroups(const TileView<Element>& tile, int32_t group_begin,
                 int32_t head_dim, State& state) {
  __m512 sums[kRows][kCount];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) sums[r][g] = _mm512_setzero_ps();
  }
  for (int32_t d = 0; d < head_dim; ++d) {
    __m512 keys[kCount];
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      keys[g] = Load16(tile.keys[group_begin + g] + d * kKeyGroup);
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512 q = _mm512_set1_ps(state.q[r][d]);
#pragma GCC unroll 4
      for (int g = 0; g < kCount; ++g) {
        sums[r][g] = _mm512_fmadd_ps(q, keys[g], sums[r][g]);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      _mm512_store_ps(&state.weights[r][(group_begin + g) * kKeyGroup],
                      sums[r][g]);
    }
  }
}

inline void Fetch(const uint16_t* from) {
  _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
}

// Fetches the values meanwhile: they are as long as the keys.
template <int kRows, int kCount>
void ScoreGroups(const TileView<uint16_t>& tile, int32_t group_begin,
                 int32_t head_dim, State& state) {
  __m512 sums[kRows][kCount];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) sums[r][g] = _mm512_setzero_ps();
  }
  for (int32_t pair = 0; pair < head_dim / 2; ++pair) {
    __m512i keys[kCount];
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      keys[g] = LoadPairs(tile.keys[group_begin + g] + pair * 2 * kKeyGroup);
      Fetch(tile.values[group_begin + g] + pair * 2 * kKeyGroup);
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512i q =
          _mm512_set1_epi32(static_cast<int32_t>(state.q_pairs[r][pair]));
#pragma GCC unroll 4
      for (int g = 0; g < kCount; ++g) {
        sums[r][g] = MulAddPairs(keys[g], q, sums[r][g]);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      _mm512_store_ps(&state.weights[r][(group_begin + g) * kKeyGroup],
                      sums[r][g]);
    }
  }
}

template <int kRows, typename Element>
void Score(const TileView<Element>& tile, int32_t head_dim, State& state) {
  if (tile.groups == kGroups) {
    ScoreGroups<kRows, kGroups>(tile, 0, head_dim, state);
    return;
  }
  for (int32_t g = 0; g < tile.groups; ++g) {
    ScoreGroups<kRows, 1>(tile, g, head_dim, state);
  }
}

inline __mmask16 LanesBelow(int32_t count) {
  return count >= kLanes ? static_cast<__mmask16>(0xffff)
                         : static_cast<__mmask16>((1u << count) - 1);
}

// Turns the first `count` scores of a vector into weights; returns by what the
// values so far are to be multiplied.
float Softmax(int r, int32_t count, State& state) {
  float* scores = state.weights[r];
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 lanes = lowest;
  for (int32_t i = 0; i < count; i += kLanes) {
    lanes = _mm512_max_ps(
        lanes, _mm512_mask_loadu_ps(lowest, LanesBelow(count - i), scores + i));
  }
  const float tile_max = MaxLanes(lanes);
  const float max = tile_max > state.part.max[r] ? tile_max : state.part.max[r];
  lanes = _mm512_setzero_ps();
  for (int32_t i = 0; i < count; i += kLanes) {
    const __m512 weight = _mm512_maskz_mov_ps(
        LanesBelow(count - i),
        Exp(_mm512_sub_ps(_mm512_load_ps(scores + i), _mm512_set1_ps(max))));
    _mm512_store_ps(scores + i, weight);
    lanes = _mm512_add_ps(lanes, weight);
  }
  const float rescale =
      _mm512_cvtss_f32(Exp(_mm512_set1_ps(state.part.max[r] - max)));
  state.part.sum[r] = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(state.part.sum[r]),
                                                 _mm_set_ss(rescale),
                                                 _mm_set_ss(SumLanes(lanes))));
  state.part.max[r] = max;
  return rescale;
}

// part.values[r] = part.values[r] * rescale + weights . V over kCount registers
// from dimension d; `shared` positions for all vectors, then each its own rest.
template <int kRows, int kCount, typename Element>
void AddValues(const TileView<Element>& tile, int64_t stride, int32_t d,
               const float* rescale, const int32_t* counts, State& state) {
  __m512 sums[kRows][kCount];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      sums[r][u] =
          _mm512_mul_ps(_mm512_load_ps(&state.part.values[r][d + 16 * u]),
                        _mm512_set1_ps(rescale[r]));
    }
  }
  int32_t shared = counts[0];
  for (int r = 1; r < kRows; ++r) {
    shared = counts[r] < shared ? counts[r] : shared;
  }
  for (int32_t t = 0; t < shared; ++t) {
    const Element* from =
        tile.values[t / kKeyGroup] + (t % kKeyGroup) * stride + d;
    __m512 v[kCount];
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) v[u] = Load16(from + 16 * u);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512 weight = _mm512_set1_ps(state.weights[r][t]);
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        sums[r][u] = _mm512_fmadd_ps(weight, v[u], sums[r][u]);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
    for (int32_t t = shared; t < counts[r]; ++t) {
      const Element* from =
          tile.values[t / kKeyGroup] + (t % kKeyGroup) * stride + d;
      const __m512 weight = _mm512_set1_ps(state.weights[r][t]);
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        sums[r][u] = _mm512_fmadd_ps(weight, Load16(from + 16 * u), sums[r][u]);
      }
    }
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      _mm512_store_ps(&state.part.values[r][d + 16 * u], sums[r][u]);
    }
  }
}

// The same over pairs of positions. Fetches `next`, the keys of the next tile,
// meanwhile.
template <int kRows, int kCount>
void AddValues(const TileView<uint16_t>& tile, int64_t stride, int32_t d,
               const float* rescale, const int32_t* counts, State& state) {
  __m512 sums[kRows][kCount];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      sums[r][u] =
          _mm512_mul_ps(_mm512_load_ps(&state.part.values[r][d + 16 * u]),
                        _mm512_set1_ps(rescale[r]));
    }
  }
  int32_t shared = counts[0];
  for (int r = 1; r < kRows; ++r) {
    shared = counts[r] < shared ? counts[r] : shared;
  }
  shared = shared / 2 * 2;
  for (int32_t t = 0; t < shared; t += 2) {
    const int64_t at = (t % kKeyGroup) * stride + 2 * d;
    const uint16_t* from = tile.values[t / kKeyGroup] + at;
    const uint16_t* next = tile.next_keys[t / kKeyGroup] + at;
    __m512i v[kCount];
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      v[u] = LoadPairs(from + 32 * u);
      Fetch(next + 32 * u);
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512i weights =
          _mm512_set1_epi32(static_cast<int32_t>(state.weight_pairs[r][t / 2]));
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        sums[r][u] = MulAddPairs(v[u], weights, sums[r][u]);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
    for (int32_t t = shared; t < counts[r]; t += 2) {
      const uint16_t* from =
          tile.values[t / kKeyGroup] + (t % kKeyGroup) * stride + 2 * d;
      const __m512i weights =
          _mm512_set1_epi32(static_cast<int32_t>(state.weight_pairs[r][t / 2]));
      // Past the own position there may be anything.
      const __m512i seen = _mm512_set1_epi32(t + 1 < counts[r] ? -1 : 0xffff);
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        sums[r][u] =
            MulAddPairs(_mm512_and_si512(LoadPairs(from + 32 * u), seen),
                        weights, sums[r][u]);
      }
    }
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      _mm512_store_ps(&state.part.values[r][d + 16 * u], sums[r][u]);
    }
  }
}

// Multiplies scores or weights by the scales of their positions.
template <int kRows>
void Rescale(const float* const* scales, int32_t groups, State& state) {
  for (int r = 0; r < kRows; ++r) {
    for (int32_t g = 0; g < groups; ++g) {
      float* to = &state.weights[r][g * kKeyGroup];
      _mm512_store_ps(
          to, _mm512_mul_ps(_mm512_load_ps(to), _mm512_loadu_ps(scales[g])));
    }
  }
}

template <int kRows, typename Element>
void AttendTile(const KvHeadView& kv, int32_t begin, int32_t end,
                State& state) {
  const TileView<Element> tile = ViewTile<Element>(kv, begin, end);
  Score<kRows>(tile, kv.layout.head_dim, state);
  if (sizeof(Element) == 1) {
    Rescale<kRows>(tile.key_scales, tile.groups, state);
  }
  float rescale[kRows];
  int32_t counts[kRows];
  for (int r = 0; r < kRows; ++r) {
    const int32_t seen = state.length[r] - begin;
    counts[r] = seen < 0 ? 0 : (seen < kAttentionTile ? seen : kAttentionTile);
    rescale[r] = counts[r] == 0 ? 1.0f : Softmax(r, counts[r], state);
    if constexpr (sizeof(Element) == 2) {
      RoundPairs(state.weights[r], counts[r], state.weight_pairs[r]);
    }
  }
  if (sizeof(Element) == 1) {
    Rescale<kRows>(tile.value_scales, tile.groups, state);
  }
  const int64_t stride = kv.layout.value_stride();
  int32_t d = 0;
  for (; d + 16 * kUnits <= stride; d += 16 * kUnits) {
    AddValues<kRows, kUnits>(tile, stride, d, rescale, counts, state);
  }
  for (; d < stride; d += 16) {
    AddValues<kRows, 1>(tile, stride, d, rescale, counts, state);
  }
}

// Where vector v begins in the queries or, with their stride, the outputs.
inline int64_t OffsetOf(const AttentionCall& call, int32_t v, int64_t stride) {
  return v / call.group * stride +
         static_cast<int64_t>(v % call.group) * call.kv.layout.head_dim;
}

template <int kRows, typename Element>
void Take(const AttentionCall& call, int32_t v, State& state) {
  const int32_t head_dim = call.kv.layout.head_dim;
  for (int r = 0; r < kRows; ++r) {
    const float* q = call.q + OffsetOf(call, v + r, call.q_stride);
    for (int32_t d = 0; d < head_dim; ++d) state.q[r][d] = q[d] * call.scale;
    state.length[r] = call.first_position + (v + r) / call.group + 1;
    if constexpr (sizeof(Element) == 2) {
      RoundPairs(state.q[r], head_dim, state.q_pairs[r]);
    }
  }
}

// The positions of a part from its `begin`.
template <int kRows, typename Element>
void AttendPart(const KvHeadView& kv, int32_t begin, State& state) {
  for (int r = 0; r < kRows; ++r) {
    for (int64_t d = 0; d < kv.layout.value_stride(); d += 16) {
      _mm512_store_ps(&state.part.values[r][d], _mm512_setzero_ps());
    }
    state.part.max[r] = -__builtin_inff();
    state.part.sum[r] = 0.0f;
  }
  const int32_t longest = state.length[kRows - 1];
  const int32_t end =
      longest - begin < kAttentionPart ? longest : begin + kAttentionPart;
  for (; begin < end; begin += kAttentionTile) {
    AttendTile<kRows, Element>(kv, begin, end, state);
  }
}

// Part r joins total r.
void Join(int r, int64_t stride, State& state) {
  const Softened& part = state.part;
  Softened& total = state.total;
  const float max = part.max[r] > total.max[r] ? part.max[r] : total.max[r];
  const __m512 of_total = Exp(_mm512_set1_ps(total.max[r] - max));
  const __m512 of_part = Exp(_mm512_set1_ps(part.max[r] - max));
  total.sum[r] = _mm_cvtss_f32(
      _mm_fmadd_ss(_mm_set_ss(part.sum[r]), _mm512_castps512_ps128(of_part),
                   _mm_set_ss(total.sum[r] * _mm512_cvtss_f32(of_total))));
  total.max[r] = max;
  for (int64_t d = 0; d < stride; d += 16) {
    float* to = &total.values[r][d];
    _mm512_store_ps(
        to, _mm512_fmadd_ps(_mm512_load_ps(&part.values[r][d]), of_part,
                            _mm512_mul_ps(_mm512_load_ps(to), of_total)));
  }
}

void Begin(int r, int64_t stride, State& state) {
  state.total.sum[r] = state.part.sum[r];
  state.total.max[r] = state.part.max[r];
  for (int64_t d = 0; d < stride; d += 16) {
    _mm512_store_ps(&state.total.values[r][d],
                    _mm512_load_ps(&state.part.values[r][d]));
  }
}

template <int kRows, typename Element>
void AttendVectors(const AttentionCall& call, int32_t v) {
  const int64_t stride = call.kv.layout.value_stride();
  State state;
  Take<kRows, Element>(call, v, state);
  const int32_t longest = state.length[kRows - 1];
  for (int32_t begin = 0; begin < longest; begin += kAttentionPart) {
    AttendPart<kRows, Element>(call.kv, begin, state);
    for (int r = 0; r < kRows; ++r) {
      if (begin == 0) {
        Begin(r, stride, state);
      } else if (begin < state.length[r]) {
        Join(r, stride, state);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    float* out = call.out + OffsetOf(call, v + r, call.out_stride);
    for (int32_t d = 0; d < call.kv.layout.head_dim; ++d) {
      out[d] = state.total.values[r][d] / state.total.sum[r];
    }
  }
}

// The same of one part; `partial` is that of the first vector.
template <int kRows, typename Element>
void AttendPartial(const AttentionCall& call, int32_t v, float* partial) {
  const int64_t stride = call.kv.layout.value_stride();
  State state;
  Take<kRows, Element>(call, v, state);
  AttendPart<kRows, Element>(call.kv, call.part * kAttentionPart, state);
  for (int r = 0; r < kRows; ++r) {
    partial[0] = state.part.max[r];
    partial[1] = state.part.sum[r];
    for (int64_t d = 0; d < stride; d += 16) {
      _mm512_storeu_ps(partial + kPartialValues + d,
                       _mm512_load_ps(&state.part.values[r][d]));
    }
    partial += kPartialValues + stride;
  }
}

template <int kRows, typename Element>
void AttendSome(const AttentionCall& call, int32_t v, float* partial) {
  if (partial == nullptr) {
    AttendVectors<kRows, Element>(call, v);
  } else {
    AttendPartial<kRows, Element>(call, v, partial);
  }
}

template <typename Element>
void Attend(const AttentionCall& call, int32_t vector_begin,
            int32_t vector_end) {
  const int64_t floats = kPartialValues + call.kv.layout.value_stride();
  float* partial = call.partials;
  if (partial != nullptr) {
    partial += call.part * floats * (vector_end - vector_begin);
  }
  int32_t v = vector_begin;
  for (; v + kVectors <= vector_end; v += kVectors) {
    AttendSome<kVectors, Element>(call, v, partial);
    if (partial != nullptr) partial += kVectors * floats;
  }
  switch (vector_end - v) {
    case 5:
      return AttendSome<5, Element>(call, v, partial);
    case 4:
      return AttendSome<4, Element>(call, v, partial);
    case 3:
      return AttendSome<3, Element>(call, v, partial);
    case 2:
      return AttendSome<2, Element>(call, v, partial);
    case 1:
      return AttendSome<1, Element>(call, v, partial);
  }
}

// With bf16 numbers below 2^-126 are zero, as they are to its multiply-add.
constexpr unsigned kTinyIsZero = 0x8040;

}  // namespace

void SLUICE_ATTENTION(const AttentionCall& call, int32_t vector_begin,
                      int32_t vector_end) {
  if (call.kv.layout.format == KvFormat::kF32) {
    Attend<float>(call, vector_begin, vector_end);
  } else if (call.kv.layout.format == KvFormat::kInt8) {
    Attend<int8_t>(call, vector_begin, vector_end);
  } else {
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | kTinyIsZero);
    Attend<uint16_t>(call, vector_begin, vector_end);
    _mm_setcsr(before);
  }
}

}  // namespace sluice::generator::kernels
