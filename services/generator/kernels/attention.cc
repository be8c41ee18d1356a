#include "services/generator/kernels/attention.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/exp_scalar.h"

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kLanes = 16;

// While it lives numbers below 2^-126 are zero on this thread.
class TinyIsZero {
 public:
  explicit TinyIsZero(bool wanted) : before_(_mm_getcsr()) {
    if (wanted) _mm_setcsr(before_ | _MM_FLUSH_ZERO_ON | kDenormalsZero);
  }
  TinyIsZero(const TinyIsZero&) = delete;
  TinyIsZero& operator=(const TinyIsZero&) = delete;
  ~TinyIsZero() { _mm_setcsr(before_); }

 private:
  static constexpr uint32_t kDenormalsZero = 0x40;

  uint32_t before_;
};

float ElementAt(KvFormat format, const uint8_t* base, int64_t index) {
  if (format == KvFormat::kF32) {
    return reinterpret_cast<const float*>(base)[index];
  }
  if (format == KvFormat::kInt8) {
    return static_cast<float>(reinterpret_cast<const int8_t*>(base)[index]);
  }
  return Bf16ToFloat(reinterpret_cast<const uint16_t*>(base)[index]);
}

const uint8_t* BlockOf(const KvHeadView& kv, int32_t position) {
  const int32_t block = kv.block_table[position / kv.layout.block_size];
  return kv.base + block * kv.block_stride;
}

float KeyAt(const KvHeadView& kv, int32_t position, int32_t d) {
  const KvLayout& layout = kv.layout;
  return ElementAt(layout.format, BlockOf(kv, position),
                   layout.key_index(position % layout.block_size, d));
}

float ValueAt(const KvHeadView& kv, int32_t position, int32_t d) {
  const KvLayout& layout = kv.layout;
  return ElementAt(layout.format, BlockOf(kv, position) + layout.value_offset(),
                   layout.value_index(position % layout.block_size, d));
}

// Of a position's key (which = 0) or value (1).
float ScaleOf(const KvHeadView& kv, int32_t position, int32_t which) {
  const KvLayout& layout = kv.layout;
  if (layout.format != KvFormat::kInt8) return 1.0f;
  const auto* scales = reinterpret_cast<const float*>(BlockOf(kv, position) +
                                                      layout.scale_offset());
  return scales[which * layout.block_size + position % layout.block_size];
}

// The order of dimensions, or of positions: as they are, or by pairs.
int32_t InOrder(const KvHeadView& kv, int32_t i) {
  return kv.layout.format == KvFormat::kBf16 ? i ^ 1 : i;
}

// As what meets keys and values is used.
float Rounded(const KvHeadView& kv, float x) {
  return kv.layout.format == KvFormat::kBf16 ? Bf16ToFloat(FloatToBf16(x)) : x;
}

float Score(const KvHeadView& kv, int32_t position, const float* q) {
  float sum = 0.0f;
  for (int32_t i = 0; i < kv.layout.head_dim; ++i) {
    const int32_t d = InOrder(kv, i);
    sum = std::fma(q[d], KeyAt(kv, position, d), sum);
  }
  return sum * ScaleOf(kv, position, 0);
}

// Adds `count` positions from `begin` to dimension d.
float AddValues(const KvHeadView& kv, int32_t begin, int32_t count,
                const float* weights, int32_t d, float sum) {
  const bool pairs = kv.layout.format == KvFormat::kBf16;
  const int32_t padded = pairs ? (count + 1) / 2 * 2 : count;
  for (int32_t i = 0; i < padded; ++i) {
    const int32_t t = InOrder(kv, i);
    const float value = t < count ? ValueAt(kv, begin + t, d) : 0.0f;
    sum = std::fma(t < count ? weights[t] : 0.0f, value, sum);
  }
  return sum;
}

float SumLanes(float (&lanes)[kLanes]) {
  for (int32_t half = kLanes / 2; half >= 1; half /= 2) {
    for (int32_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// The online softmax of one query vector.
struct State {
  float max = -std::numeric_limits<float>::infinity();
  float sum = 0.0f;
  float values[kMaxAttentionHeadDim] = {};
};

void AttendTile(const KvHeadView& kv, const float* q, int32_t begin,
                int32_t count, State& state) {
  float weights[kAttentionTile];
  float max = state.max;
  for (int32_t i = 0; i < count; ++i) {
    weights[i] = Score(kv, begin + i, q);
    max = weights[i] > max ? weights[i] : max;
  }
  float lanes[kLanes] = {};
  for (int32_t i = 0; i < count; ++i) {
    weights[i] = ExpScalar(weights[i] - max);
    lanes[i % kLanes] += weights[i];
    weights[i] = Rounded(kv, weights[i] * ScaleOf(kv, begin + i, 1));
  }
  const float rescale = ExpScalar(state.max - max);
  state.sum = std::fma(state.sum, rescale, SumLanes(lanes));
  for (int32_t d = 0; d < kv.layout.head_dim; ++d) {
    state.values[d] =
        AddValues(kv, begin, count, weights, d, state.values[d] * rescale);
  }
  state.max = max;
}

// Positions [begin, end), all in one part.
State AttendPart(const KvHeadView& kv, const float* q, int32_t begin,
                 int32_t end) {
  State state;
  for (; begin < end; begin += kAttentionTile) {
    AttendTile(kv, q, begin, std::min(kAttentionTile, end - begin), state);
  }
  return state;
}

void Join(const State& part, int32_t head_dim, State& total) {
  const float max = part.max > total.max ? part.max : total.max;
  const float of_total = ExpScalar(total.max - max);
  const float of_part = ExpScalar(part.max - max);
  total.sum = std::fma(part.sum, of_part, total.sum * of_total);
  for (int32_t d = 0; d < head_dim; ++d) {
    total.values[d] =
        std::fma(part.values[d], of_part, total.values[d] * of_total);
  }
  total.max = max;
}

// Of vector v.
int64_t OffsetOf(const AttentionCall& call, int32_t v, int64_t stride) {
  return v / call.group * stride +
         static_cast<int64_t>(v % call.group) * call.kv.layout.head_dim;
}

void Finish(const AttentionCall& call, int32_t v, const State& total) {
  float* out = call.out + OffsetOf(call, v, call.out_stride);
  for (int32_t d = 0; d < call.kv.layout.head_dim; ++d) {
    out[d] = total.values[d] / total.sum;
  }
}

void Attend(const AttentionCall& call, int32_t v, float* partial) {
  const KvHeadView& kv = call.kv;
  float q[kMaxAttentionHeadDim];
  for (int32_t d = 0; d < kv.layout.head_dim; ++d) {
    q[d] =
        Rounded(kv, call.q[OffsetOf(call, v, call.q_stride) + d] * call.scale);
  }
  const int32_t length = call.first_position + v / call.group + 1;
  const auto attend = [&](int32_t part) {
    const int32_t begin = part * kAttentionPart;
    return AttendPart(kv, q, begin, std::min(length, begin + kAttentionPart));
  };
  if (partial != nullptr) {
    const State state = attend(call.part);
    partial[0] = state.max;
    partial[1] = state.sum;
    std::copy_n(state.values, kv.layout.head_dim, partial + kPartialValues);
    return;
  }
  State total = attend(0);
  for (int32_t part = 1; part < AttentionParts(length); ++part) {
    Join(attend(part), kv.layout.head_dim, total);
  }
  Finish(call, v, total);
}

// Of a vector that is number `index` of `count` in its call.
float* PartialAt(const AttentionCall& call, int32_t part, int32_t index,
                 int32_t count) {
  return call.partials +
         (int64_t{part} * count + index) * PartialFloats(call.kv.layout);
}

}  // namespace

void AttentionScalar(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end) {
  const TinyIsZero tiny(call.kv.layout.format == KvFormat::kBf16);
  for (int32_t v = vector_begin; v < vector_end; ++v) {
    Attend(call, v,
           call.partials == nullptr
               ? nullptr
               : PartialAt(call, call.part, v - vector_begin,
                           vector_end - vector_begin));
  }
}

void AttentionMergeScalar(const AttentionCall& call, int32_t vector_begin,
                          int32_t vector_end) {
  const int32_t head_dim = call.kv.layout.head_dim;
  const TinyIsZero tiny(call.kv.layout.format == KvFormat::kBf16);
  for (int32_t v = vector_begin; v < vector_end; ++v) {
    State total;
    for (int32_t part = 0; part < call.part; ++part) {
      const float* partial =
          PartialAt(call, part, v - vector_begin, vector_end - vector_begin);
      State state;
      state.max = partial[0];
      state.sum = partial[1];
      std::copy_n(partial + kPartialValues, head_dim, state.values);
      if (part == 0) {
        total = state;
      } else {
        Join(state, head_dim, total);
      }
    }
    Finish(call, v, total);
  }
}

}  // namespace sluice::generator::kernels
