#include "services/generator/torch/reference/decoder.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "common/base/check.h"

namespace sluice::generator::reference {
namespace {

at::Tensor Project(const Projection& projection, const at::Tensor& x) {
  return at::linear(x, projection.weight, projection.bias);
}

// Half layout: element i turns with element i + head_dim / 2.
at::Tensor Rotate(const at::Tensor& x, const at::Tensor& cos,
                  const at::Tensor& sin) {
  const int64_t half = x.size(-1) / 2;
  const at::Tensor turned =
      at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * cos + turned * sin;
}

at::Tensor ToTensor(const std::vector<int64_t>& values) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
}

}  // namespace

at::Tensor Decoder::Forward(const StepPlan& plan, PagedCache& cache) const {
  for (const BlockCopy& copy : plan.copies) cache.Copy(copy);
  if (plan.sequences.empty()) {
    return at::empty({0, config_.vocabulary_size}, at::kFloat);
  }
  const Batch batch = MakeBatch(plan, cache);
  const Rotation rotation = MakeRotation(batch.positions);
  at::Tensor x = weights_.embedding.index_select(0, batch.token_ids);
  for (int32_t i = 0; i < config_.layers; ++i) {
    const LayerWeights& layer = weights_.layers[i];
    x = x +
        Attention(i, RmsNorm(x, layer.attention_norm), batch, rotation, cache);
    x = x + Mlp(layer, RmsNorm(x, layer.mlp_norm));
  }
  const at::Tensor wanted = x.index_select(0, ToTensor(batch.wanted_rows));
  return at::linear(RmsNorm(wanted, weights_.final_norm), weights_.head)
      .contiguous();
}

Decoder::Batch Decoder::MakeBatch(const StepPlan& plan,
                                  const PagedCache& cache) const {
  Batch batch;
  std::vector<int64_t> ids, positions;
  std::vector<at::Tensor> write_slots;
  for (const SequenceRows& sequence : plan.sequences) {
    const int32_t first = sequence.first_position;
    const int32_t end = first + static_cast<int32_t>(sequence.token_ids.size());
    SLUICE_CHECK(end > first, "a sequence in a plan has rows");
    batch.first_row.push_back(static_cast<int64_t>(ids.size()));
    for (const int32_t id : sequence.token_ids) {
      SLUICE_CHECK(id >= 0 && id < config_.vocabulary_size,
                   "token ids lie in the vocabulary");
      ids.push_back(id);
    }
    for (int32_t p = first; p < end; ++p) positions.push_back(p);
    write_slots.push_back(cache.Slots(sequence.block_table, first, end));
    batch.read_slots.push_back(cache.Slots(sequence.block_table, 0, end));
    if (sequence.wants_logits) {
      batch.wanted_rows.push_back(static_cast<int64_t>(ids.size()) - 1);
    }
  }
  batch.first_row.push_back(static_cast<int64_t>(ids.size()));
  batch.token_ids = ToTensor(ids);
  batch.positions = ToTensor(positions);
  batch.write_slots = at::cat(write_slots);
  return batch;
}

// In float32 throughout, as Hugging Face computes it.
Decoder::Rotation Decoder::MakeRotation(const at::Tensor& positions) const {
  const double dim = config_.head_dim;
  const at::Tensor exponents =
      at::arange(0, config_.head_dim, 2, at::kLong).to(at::kFloat) / dim;
  const at::Tensor frequencies =
      at::reciprocal(at::pow(config_.rope_theta, exponents));
  const at::Tensor half =
      positions.to(at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);
  const at::Tensor angles = at::cat({half, half}, -1).unsqueeze(1);
  return {angles.cos(), angles.sin()};
}

at::Tensor Decoder::Attention(int32_t layer, const at::Tensor& x,
                              const Batch& batch, const Rotation& rotation,
                              PagedCache& cache) const {
  const LayerWeights& weights = weights_.layers[layer];
  const auto heads = [&](const Projection& projection, int64_t count) {
    return Project(projection, x).view({x.size(0), count, config_.head_dim});
  };
  const at::Tensor query =
      Rotate(heads(weights.query, config_.heads), rotation.cos, rotation.sin);
  const at::Tensor key =
      Rotate(heads(weights.key, config_.kv_heads), rotation.cos, rotation.sin);
  cache.Write(layer, batch.write_slots, key,
              heads(weights.value, config_.kv_heads));
  std::vector<at::Tensor> outputs;
  for (size_t i = 0; i < batch.read_slots.size(); ++i) {
    const int64_t first = batch.first_row[i];
    const int64_t rows = batch.first_row[i + 1] - first;
    const at::Tensor& slots = batch.read_slots[i];
    outputs.push_back(AttendOne(
        query.narrow(0, first, rows), batch.positions.narrow(0, first, rows),
        cache.Keys(layer, slots), cache.Values(layer, slots)));
  }
  return Project(weights.output, at::cat(outputs));
}

at::Tensor Decoder::AttendOne(const at::Tensor& query,
                              const at::Tensor& positions,
                              const at::Tensor& keys,
                              const at::Tensor& values) const {
  const int64_t rows = query.size(0);
  const int64_t length = keys.size(0);
  const int64_t kv_heads = config_.kv_heads;
  const int64_t group = config_.heads / kv_heads;  // query heads of a KV head
  const int64_t dim = config_.head_dim;
  // Query head h reads KV head h / group.
  const at::Tensor q = query.view({rows, kv_heads, group, dim})
                           .permute({1, 2, 0, 3})
                           .reshape({kv_heads, group * rows, dim});
  const at::Tensor k = keys.permute({1, 2, 0});    // [kv_heads, dim, length]
  const at::Tensor v = values.permute({1, 0, 2});  // [kv_heads, length, dim]
  const at::Tensor future = at::arange(length, at::kLong).unsqueeze(0) >
                            positions.unsqueeze(1);  // [rows, length]
  at::Tensor scores = at::bmm(q, k) / std::sqrt(static_cast<double>(dim));
  scores = scores.view({kv_heads, group, rows, length})
               .masked_fill(future, -std::numeric_limits<float>::infinity());
  const at::Tensor weights =
      at::softmax(scores, -1).view({kv_heads, group * rows, length});
  return at::bmm(weights, v)
      .view({kv_heads, group, rows, dim})
      .permute({2, 0, 1, 3})
      .reshape({rows, config_.query_size()});
}

at::Tensor Decoder::Mlp(const LayerWeights& layer, const at::Tensor& x) const {
  return Project(layer.down,
                 at::silu(Project(layer.gate, x)) * Project(layer.up, x));
}

at::Tensor Decoder::RmsNorm(const at::Tensor& x,
                            const at::Tensor& weight) const {
  const at::Tensor mean_square = x.square().mean(-1, /*keepdim=*/true);
  return weight * (x * at::rsqrt(mean_square + config_.rms_norm_eps));
}

}  // namespace sluice::generator::reference
