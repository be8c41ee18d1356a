#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/attention.h"

namespace sluice::generator::kernels {
namespace {

// Query vectors that share the loads of keys and values.
constexpr int kVectors = 6;
constexpr int32_t kLanes = 16;
constexpr int kGroups = kAttentionTile / kKeyGroup;
// Registers of values per vector.
constexpr int kUnits = 4;

inline __m512 Load16(const float* from) { return _mm512_loadu_ps(from); }
inline __m512 Load16(const uint16_t* from) {
  const __m256i bits =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

inline __m512 Load16(const int8_t* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

// The operations of ExpScalar, in its order.
inline __m512 Exp(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-87.0f), x);
  x = _mm512_min_ps(_mm512_set1_ps(88.0f), x);
  const __m512 round = _mm512_set1_ps(12582912.0f);
  const __m512 shifted = _mm512_fmadd_ps(x, _mm512_set1_ps(1.44269504f), round);
  const __m512 n = _mm512_sub_ps(shifted, round);
  __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-0.693145752f), x);
  r = _mm512_fmadd_ps(n, _mm512_set1_ps(-1.42860677e-6f), r);
  __m512 p = _mm512_set1_ps(1.98412698e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.38888889e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.33333333e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.16666667e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.66666667e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(p), exponent));
}

// Lanes by halving; the same order for sum and maximum.
inline __m128 FoldTo4(__m512 v, bool sum) {
  const __m256 high = _mm512_extractf32x8_ps(v, 1);
  __m256 a = _mm512_castps512_ps256(v);
  a = sum ? _mm256_add_ps(a, high) : _mm256_max_ps(a, high);
  const __m128 b = _mm256_extractf128_ps(a, 1);
  const __m128 c = _mm256_castps256_ps128(a);
  return sum ? _mm_add_ps(c, b) : _mm_max_ps(c, b);
}
inline float SumLanes(__m512 v) {
  __m128 a = FoldTo4(v, true);
  a = _mm_add_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
inline float MaxLanes(__m512 v) {
  __m128 a = FoldTo4(v, false);
  a = _mm_max_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}

// The online softmax of up to kVectors query vectors.
struct State {
  alignas(64) float q[kVectors][kMaxAttentionHeadDim];
  alignas(64) float values[kVectors][kMaxAttentionHeadDim];
  alignas(64) float weights[kVectors][kAttentionTile];
  float max[kVectors];
  float sum[kVectors];
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
  const float max = tile_max > state.max[r] ? tile_max : state.max[r];
  lanes = _mm512_setzero_ps();
  for (int32_t i = 0; i < count; i += kLanes) {
    const __m512 weight = _mm512_maskz_mov_ps(
        LanesBelow(count - i),
        Exp(_mm512_sub_ps(_mm512_load_ps(scores + i), _mm512_set1_ps(max))));
    _mm512_store_ps(scores + i, weight);
    lanes = _mm512_add_ps(lanes, weight);
  }
  const float rescale =
      _mm512_cvtss_f32(Exp(_mm512_set1_ps(state.max[r] - max)));
  state.sum[r] =
      _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(state.sum[r]), _mm_set_ss(rescale),
                                 _mm_set_ss(SumLanes(lanes))));
  state.max[r] = max;
  return rescale;
}

// values[r] = values[r] * rescale + weights . V over kCount registers from
// dimension d; `shared` positions for all vectors, then each its own rest.
template <int kRows, int kCount, typename Element>
void AddValues(const TileView<Element>& tile, int64_t stride, int32_t d,
               const float* rescale, const int32_t* counts, State& state) {
  __m512 sums[kRows][kCount];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      sums[r][u] = _mm512_mul_ps(_mm512_load_ps(&state.values[r][d + 16 * u]),
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
      _mm512_store_ps(&state.values[r][d + 16 * u], sums[r][u]);
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
void AttendTile(const KvHeadView& kv, int32_t begin, int32_t longest,
                State& state) {
  const int32_t left = longest - begin;
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

// Length of vector v: the positions up to its own.
inline int32_t LengthOf(const AttentionCall& call, int32_t v) {
  return call.first_position + v / call.group + 1;
}

template <int kRows, typename Element>
void AttendVectors(const AttentionCall& call, int32_t v) {
  const int32_t head_dim = call.kv.layout.head_dim;
  State state;
  for (int r = 0; r < kRows; ++r) {
    const float* q = call.q + (v + r) / call.group * call.q_stride +
                     static_cast<int64_t>((v + r) % call.group) * head_dim;
    for (int32_t d = 0; d < head_dim; ++d) state.q[r][d] = q[d] * call.scale;
    for (int64_t d = 0; d < call.kv.layout.value_stride(); ++d) {
      state.values[r][d] = 0.0f;
    }
    state.max[r] = -__builtin_inff();
    state.sum[r] = 0.0f;
    state.length[r] = LengthOf(call, v + r);
  }
  const int32_t longest = state.length[kRows - 1];
  for (int32_t begin = 0; begin < longest; begin += kAttentionTile) {
    AttendTile<kRows, Element>(call.kv, begin, longest, state);
  }
  for (int r = 0; r < kRows; ++r) {
    float* out = call.out + (v + r) / call.group * call.out_stride +
                 static_cast<int64_t>((v + r) % call.group) * head_dim;
    for (int32_t d = 0; d < head_dim; ++d) {
      out[d] = state.values[r][d] / state.sum[r];
    }
  }
}

template <typename Element>
void Attend(const AttentionCall& call, int32_t vector_begin,
            int32_t vector_end) {
  int32_t v = vector_begin;
  for (; v + kVectors <= vector_end; v += kVectors) {
    AttendVectors<kVectors, Element>(call, v);
  }
  switch (vector_end - v) {
    case 5:
      return AttendVectors<5, Element>(call, v);
    case 4:
      return AttendVectors<4, Element>(call, v);
    case 3:
      return AttendVectors<3, Element>(call, v);
    case 2:
      return AttendVectors<2, Element>(call, v);
    case 1:
      return AttendVectors<1, Element>(call, v);
  }
}

}  // namespace

void AttentionAvx512(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end) {
  if (call.kv.layout.format == KvFormat::kF32) {
    Attend<float>(call, vector_begin, vector_end);
  } else if (call.kv.layout.format == KvFormat::kBf16) {
    Attend<uint16_t>(call, vector_begin, vector_end);
  } else {
    Attend<int8_t>(call, vector_begin, vector_end);
  }
}

}  // namespace sluice::generator::kernels
