#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/attention.h"
#include "services/generator/kernels/attention_lanes_avx2.h"

namespace sluice::generator::kernels {
namespace {

// Query vectors that share the loads of keys and values.
constexpr int kVectors = 4;
constexpr int32_t kLanes = 16;
constexpr int kGroups = kAttentionTile / kKeyGroup;
// What kRows vectors leave room for in sixteen registers: groups of keys and
// units of 16 values at a time.
constexpr int UnitsFor(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

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
  int32_t groups;
};

template <typename Element>
TileView<Element> ViewTile(const KvHeadView& kv, int32_t begin, int32_t count) {
  const KvLayout& layout = kv.layout;
  const int64_t value_offset = layout.value_offset();
  TileView<Element> view;
  view.groups = (count + kKeyGroup - 1) / kKeyGroup;
  for (int32_t g = 0; g < view.groups; ++g) {
    const int32_t position = begin + g * kKeyGroup;
    const int32_t slot = position % layout.block_size;
    const int64_t block = kv.block_table[position / layout.block_size];
    const uint8_t* base = kv.base + block * kv.block_stride;
    view.keys[g] = reinterpret_cast<const Element*>(base) +
                   static_cast<int64_t>(slot) * layout.head_dim;
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
  Wide sums[kRows][kCount];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) sums[r][g] = Zero();
  }
  for (int32_t d = 0; d < head_dim; ++d) {
    Wide keys[kCount];
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      keys[g] = Load16(tile.keys[group_begin + g] + d * kKeyGroup);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const __m256 q = _mm256_set1_ps(state.q[r][d]);
#pragma GCC unroll 4
      for (int g = 0; g < kCount; ++g) {
        sums[r][g] = MulAdd(q, keys[g], sums[r][g]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      Store16(&state.weights[r][(group_begin + g) * kKeyGroup], sums[r][g]);
    }
  }
}

template <int kRows, int kCount>
void ScoreGroups(const TileView<uint16_t>& tile, int32_t group_begin,
                 int32_t head_dim, State& state) {
  Wide sums[kRows][kCount];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) sums[r][g] = Zero();
  }
  for (int32_t d = 0; d < head_dim; d += 2) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      const Pairs keys = LoadPairs(tile.keys[group_begin + g] + d * kKeyGroup);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        sums[r][g] = MulAddPairs(&state.q[r][d], keys, sums[r][g]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int g = 0; g < kCount; ++g) {
      Store16(&state.weights[r][(group_begin + g) * kKeyGroup], sums[r][g]);
    }
  }
}

template <int kRows, typename Element>
void Score(const TileView<Element>& tile, int32_t head_dim, State& state) {
  constexpr int kAtOnce = UnitsFor(kRows);
  int32_t g = 0;
  for (; g + kAtOnce <= tile.groups; g += kAtOnce) {
    ScoreGroups<kRows, kAtOnce>(tile, g, head_dim, state);
  }
  for (; g < tile.groups; ++g) {
    ScoreGroups<kRows, 1>(tile, g, head_dim, state);
  }
}

// Turns the first `count` scores of a vector into weights; returns by what the
// values so far are to be multiplied.
float Softmax(int r, int32_t count, State& state) {
  float* scores = state.weights[r];
  float max = state.part.max[r];
  for (int32_t i = 0; i < count; ++i) max = scores[i] > max ? scores[i] : max;
  // A weight of zero adds nothing to its lane.
  const int32_t padded = (count + kLanes - 1) / kLanes * kLanes;
  const __m256 shift = _mm256_set1_ps(max);
  for (int32_t i = 0; i < padded; i += 8) {
    _mm256_storeu_ps(scores + i,
                     Exp(_mm256_sub_ps(_mm256_loadu_ps(scores + i), shift)));
  }
  for (int32_t i = count; i < padded; ++i) scores[i] = 0.0f;
  Wide lanes = Zero();
  for (int32_t i = 0; i < padded; i += kLanes) {
    const Wide weight = Load16(scores + i);
    lanes.low = _mm256_add_ps(lanes.low, weight.low);
    lanes.high = _mm256_add_ps(lanes.high, weight.high);
  }
  const float rescale =
      _mm256_cvtss_f32(Exp(_mm256_set1_ps(state.part.max[r] - max)));
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
  Wide sums[kRows][kCount];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      sums[r][u] = Mul(Load16(&state.part.values[r][d + 16 * u]),
                       _mm256_set1_ps(rescale[r]));
    }
  }
  int32_t shared = counts[0];
  for (int r = 1; r < kRows; ++r) {
    shared = counts[r] < shared ? counts[r] : shared;
  }
  for (int32_t t = 0; t < shared; ++t) {
    const Element* from =
        tile.values[t / kKeyGroup] + (t % kKeyGroup) * stride + d;
    Wide v[kCount];
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) v[u] = Load16(from + 16 * u);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const __m256 weight = _mm256_set1_ps(state.weights[r][t]);
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        sums[r][u] = MulAdd(weight, v[u], sums[r][u]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    for (int32_t t = shared; t < counts[r]; ++t) {
      const Element* from =
          tile.values[t / kKeyGroup] + (t % kKeyGroup) * stride + d;
      const __m256 weight = _mm256_set1_ps(state.weights[r][t]);
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        sums[r][u] = MulAdd(weight, Load16(from + 16 * u), sums[r][u]);
      }
    }
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      Store16(&state.part.values[r][d + 16 * u], sums[r][u]);
    }
  }
}

// The same over pairs of positions.
template <int kRows, int kCount>
void AddValues(const TileView<uint16_t>& tile, int64_t stride, int32_t d,
               const float* rescale, const int32_t* counts, State& state) {
  Wide sums[kRows][kCount];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      sums[r][u] = Mul(Load16(&state.part.values[r][d + 16 * u]),
                       _mm256_set1_ps(rescale[r]));
    }
  }
  int32_t shared = counts[0];
  for (int r = 1; r < kRows; ++r) {
    shared = counts[r] < shared ? counts[r] : shared;
  }
  shared = shared / 2 * 2;
  const auto pair_at = [&](int32_t t) {
    return tile.values[t / kKeyGroup] + (t % kKeyGroup) * stride + 2 * d;
  };
  for (int32_t t = 0; t < shared; t += 2) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      const Pairs v = LoadPairs(pair_at(t) + 32 * u);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        sums[r][u] = MulAddPairs(&state.weights[r][t], v, sums[r][u]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    for (int32_t t = shared; t < counts[r]; t += 2) {
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) {
        Pairs v = LoadPairs(pair_at(t) + 32 * u);
        // Past the own position there may be anything; its weight is zero.
        if (t + 1 == counts[r]) v.odd = Zero();
        sums[r][u] = MulAddPairs(&state.weights[r][t], v, sums[r][u]);
      }
    }
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      Store16(&state.part.values[r][d + 16 * u], sums[r][u]);
    }
  }
}

// Multiplies scores or weights by the scales of their positions.
template <int kRows>
void Rescale(const float* const* scales, int32_t groups, State& state) {
  for (int r = 0; r < kRows; ++r) {
    for (int32_t g = 0; g < groups; ++g) {
      float* to = &state.weights[r][g * kKeyGroup];
      for (int i = 0; i < kKeyGroup; i += 8) {
        _mm256_store_ps(to + i, _mm256_mul_ps(_mm256_load_ps(to + i),
                                              _mm256_loadu_ps(scales[g] + i)));
      }
    }
  }
}

template <int kRows, typename Element>
void AttendTile(const KvHeadView& kv, int32_t begin, int32_t end,
                State& state) {
  const int32_t left = end - begin;
  const TileView<Element> tile = ViewTile<Element>(
      kv, begin, left < kAttentionTile ? left : kAttentionTile);
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
    if (sizeof(Element) == 2) RoundAll(counts[r], state.weights[r]);
  }
  if (sizeof(Element) == 1) {
    Rescale<kRows>(tile.value_scales, tile.groups, state);
  }
  const int64_t stride = kv.layout.value_stride();
  constexpr int kUnits = UnitsFor(kRows);
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
    if (sizeof(Element) == 2) RoundAll(head_dim, state.q[r]);
  }
}

// The positions of a part from its `begin`.
template <int kRows, typename Element>
void AttendPart(const KvHeadView& kv, int32_t begin, State& state) {
  for (int r = 0; r < kRows; ++r) {
    for (int64_t d = 0; d < kv.layout.value_stride(); d += 16) {
      Store16(&state.part.values[r][d], Zero());
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

// A part as it is and as it may be stored.
struct PartView {
  const float* values;
  float max, sum;
};

// `part` joins total r.
void Join(int r, const PartView& part, int64_t stride, Softened& total) {
  const float max = part.max > total.max[r] ? part.max : total.max[r];
  const __m256 of_total = Exp(_mm256_set1_ps(total.max[r] - max));
  const __m256 of_part = Exp(_mm256_set1_ps(part.max - max));
  total.sum[r] = _mm_cvtss_f32(
      _mm_fmadd_ss(_mm_set_ss(part.sum), _mm256_castps256_ps128(of_part),
                   _mm_set_ss(total.sum[r] * _mm256_cvtss_f32(of_total))));
  total.max[r] = max;
  for (int64_t d = 0; d < stride; d += 16) {
    float* to = &total.values[r][d];
    Store16(to, MulAdd(of_part, Load16(part.values + d),
                       Mul(Load16(to), of_total)));
  }
}

// `part` is total r so far.
void Begin(int r, const PartView& part, int64_t stride, Softened& total) {
  total.sum[r] = part.sum;
  total.max[r] = part.max;
  for (int64_t d = 0; d < stride; d += 16) {
    Store16(&total.values[r][d], Load16(part.values + d));
  }
}

void Finish(const AttentionCall& call, int32_t v, int r,
            const Softened& total) {
  float* out = call.out + OffsetOf(call, v, call.out_stride);
  for (int32_t d = 0; d < call.kv.layout.head_dim; ++d) {
    out[d] = total.values[r][d] / total.sum[r];
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
      const PartView part{state.part.values[r], state.part.max[r],
                          state.part.sum[r]};
      if (begin == 0) {
        Begin(r, part, stride, state.total);
      } else if (begin < state.length[r]) {
        Join(r, part, stride, state.total);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) Finish(call, v + r, r, state.total);
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
      Store16(partial + kPartialValues + d, Load16(&state.part.values[r][d]));
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
    case 3:
      return AttendSome<3, Element>(call, v, partial);
    case 2:
      return AttendSome<2, Element>(call, v, partial);
    case 1:
      return AttendSome<1, Element>(call, v, partial);
  }
}

void Merge(const AttentionCall& call, int32_t vector_begin,
           int32_t vector_end) {
  const int64_t stride = call.kv.layout.value_stride();
  const int64_t floats = kPartialValues + stride;
  for (int32_t v = vector_begin; v < vector_end; ++v) {
    const float* partial = call.partials + (v - vector_begin) * floats;
    Softened total;
    for (int32_t i = 0; i < call.part; ++i) {
      const PartView part{partial + kPartialValues, partial[0], partial[1]};
      if (i == 0) {
        Begin(0, part, stride, total);
      } else {
        Join(0, part, stride, total);
      }
      partial += (vector_end - vector_begin) * floats;
    }
    Finish(call, v, 0, total);
  }
}

// With bf16 numbers below 2^-126 are zero, as they are to its multiply-add.
constexpr unsigned kTinyIsZero = 0x8040;

}  // namespace

void AttentionAvx2(const AttentionCall& call, int32_t vector_begin,
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

void AttentionMergeAvx2(const AttentionCall& call, int32_t vector_begin,
                        int32_t vector_end) {
  const unsigned before = _mm_getcsr();
  if (call.kv.layout.format == KvFormat::kBf16) {
    _mm_setcsr(before | kTinyIsZero);
  }
  Merge(call, vector_begin, vector_end);
  _mm_setcsr(before);
}

}  // namespace sluice::generator::kernels
