#include "services/generator/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "services/generator/kernels/bf16.h"
#include "services/generator/kernels/exp_scalar.h"

namespace sluice::generator::kernels {
namespace {

constexpr int32_t kLanes = 16;

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

// Of a position's key (which = 0) or value (1).
float ScaleOf(const KvHeadView& kv, int32_t position, int32_t which) {
  const KvLayout& layout = kv.layout;
  if (layout.format != KvFormat::kInt8) return 1.0f;
  const auto* scales = reinterpret_cast<const float*>(BlockOf(kv, position) +
                                                      layout.scale_offset());
  return scales[which * layout.block_size + position % layout.block_size];
}

float Score(const KvHeadView& kv, int32_t position, const float* q) {
  const KvLayout& layout = kv.layout;
  const int32_t slot = position % layout.block_size;
  const int64_t group_start =
      static_cast<int64_t>(slot / kKeyGroup) * layout.head_dim * kKeyGroup;
  const uint8_t* keys = BlockOf(kv, position);
  float sum = 0.0f;
  for (int32_t d = 0; d < layout.head_dim; ++d) {
    const int64_t index = group_start + d * kKeyGroup + slot % kKeyGroup;
    sum = std::fma(q[d], ElementAt(layout.format, keys, index), sum);
  }
  return sum * ScaleOf(kv, position, 0);
}

void AddValue(const KvHeadView& kv, int32_t position, float weight,
              float* sums) {
  const KvLayout& layout = kv.layout;
  const int32_t slot = position % layout.block_size;
  const uint8_t* values = BlockOf(kv, position) + layout.value_offset();
  weight *= ScaleOf(kv, position, 1);
  for (int32_t d = 0; d < layout.head_dim; ++d) {
    const int64_t index = slot * layout.value_stride() + d;
    sums[d] =
        std::fma(weight, ElementAt(layout.format, values, index), sums[d]);
  }
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
  float scores[kAttentionTile];
  float max = state.max;
  for (int32_t i = 0; i < count; ++i) {
    scores[i] = Score(kv, begin + i, q);
    max = scores[i] > max ? scores[i] : max;
  }
  float lanes[kLanes] = {};
  for (int32_t i = 0; i < count; ++i) {
    scores[i] = ExpScalar(scores[i] - max);
    lanes[i % kLanes] += scores[i];
  }
  const float rescale = ExpScalar(state.max - max);
  state.sum = std::fma(state.sum, rescale, SumLanes(lanes));
  for (int32_t d = 0; d < kv.layout.head_dim; ++d) state.values[d] *= rescale;
  for (int32_t i = 0; i < count; ++i) {
    AddValue(kv, begin + i, scores[i], state.values);
  }
  state.max = max;
}

}  // namespace

void AttentionScalar(const AttentionCall& call, int32_t vector_begin,
                     int32_t vector_end) {
  const int32_t head_dim = call.kv.layout.head_dim;
  for (int32_t v = vector_begin; v < vector_end; ++v) {
    const int64_t row = v / call.group;
    const int64_t offset = static_cast<int64_t>(v % call.group) * head_dim;
    float q[kMaxAttentionHeadDim];
    for (int32_t d = 0; d < head_dim; ++d) {
      q[d] = call.q[row * call.q_stride + offset + d] * call.scale;
    }
    State state;
    const int32_t length = call.first_position + static_cast<int32_t>(row) + 1;
    for (int32_t begin = 0; begin < length; begin += kAttentionTile) {
      const int32_t count = std::min(kAttentionTile, length - begin);
      AttendTile(call.kv, q, begin, count, state);
    }
    float* out = call.out + row * call.out_stride + offset;
    for (int32_t d = 0; d < head_dim; ++d) {
      out[d] = state.values[d] / state.sum;
    }
  }
}

}  // namespace sluice::generator::kernels
