#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "services/generator/kernels/attention.h"

namespace sluice::generator::kernels {
namespace {

// Query vectors that share the loads of keys and values.
constexpr int kVectors = 4;
constexpr int32_t kLanes = 16;
constexpr int kGroups = kAttentionTile / kKeyGroup;
// What kRows vectors leave room for in sixteen registers: groups of keys and
// units of 16 values at a time.
constexpr int UnitsFor(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

// Sixteen lanes in two registers.
struct Wide {
  __m256 low, high;
};

inline Wide Load16(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
inline Wide Load16(const uint16_t* from) {
  const __m256i bits =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  const __m256i low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(bits));
  const __m256i high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(bits, 1));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
}
inline void Store16(float* to, const Wide& v) {
  _mm256_storeu_ps(to, v.low);
  _mm256_storeu_ps(to + 8, v.high);
}
inline Wide Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Wide MulAdd(__m256 a, const Wide& b, const Wide& c) {
  return {_mm256_fmadd_ps(a, b.low, c.low), _mm256_fmadd_ps(a, b.high, c.high)};
}
inline Wide Mul(const Wide& a, __m256 b) {
  return {_mm256_mul_ps(a.low, b), _mm256_mul_ps(a.high, b)};
}

inline Wide Load16(const int8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(
              _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))};
}

// The operations of ExpScalar, in its order.
inline __m256 Exp(__m256 x) {
  x = _mm256_max_ps(_mm256_set1_ps(-87.0f), x);
  x = _mm256_min_ps(_mm256_set1_ps(88.0f), x);
  const __m256 round = _mm256_set1_ps(12582912.0f);
  const __m256 shifted = _mm256_fmadd_ps(x, _mm256_set1_ps(1.44269504f), round);
  const __m256 n = _mm256_sub_ps(shifted, round);
  __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-0.693145752f), x);
  r = _mm256_fmadd_ps(n, _mm256_set1_ps(-1.42860677e-6f), r);
  __m256 p = _mm256_set1_ps(1.98412698e-4f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.38888889e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.33333333e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.16666667e-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.66666667e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(p), exponent));
}

// Lanes by halving.
inline float SumLanes(const Wide& v) {
  const __m256 a = _mm256_add_ps(v.low, v.high);
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
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
  float max = state.max[r];
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
      _mm256_cvtss_f32(Exp(_mm256_set1_ps(state.max[r] - max)));
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
  Wide sums[kRows][kCount];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int u = 0; u < kCount; ++u) {
      sums[r][u] =
          Mul(Load16(&state.values[r][d + 16 * u]), _mm256_set1_ps(rescale[r]));
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
      Store16(&state.values[r][d + 16 * u], sums[r][u]);
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
  constexpr int kUnits = UnitsFor(kRows);
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
  for (; v + 4 <= vector_end; v += 4) AttendVectors<4, Element>(call, v);
  switch (vector_end - v) {
    case 3:
      return AttendVectors<3, Element>(call, v);
    case 2:
      return AttendVectors<2, Element>(call, v);
    case 1:
      return AttendVectors<1, Element>(call, v);
  }
}

}  // namespace

void AttentionAvx2(const AttentionCall& call, int32_t vector_begin,
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
