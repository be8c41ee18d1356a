#pragma once

// The forward pass as the papers write it, in float32: what every other
// backend is compared with, so clarity goes before speed.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "services/generator/models/model_config.h"
#include "services/generator/runner/step_plan.h"
#include "services/generator/torch/reference/decoder_weights.h"
#include "services/generator/torch/reference/paged_cache.h"

namespace sluice::generator::reference {

// Threads: engine thread only.
class Decoder {
 public:
  Decoder(const ModelConfig& config, DecoderWeights weights)
      : config_(config), weights_(std::move(weights)) {}

  // Executes a plan against the cache. Returns the logits of the last row of
  // each sequence that wants them: float32 [wanted, vocabulary], contiguous.
  // Throws c10::Error.
  at::Tensor Forward(const StepPlan& plan, PagedCache& cache) const;

 private:
  // The rows of all sequences stacked; sequence i owns rows
  // [first_row[i], first_row[i + 1]).
  struct Batch {
    at::Tensor token_ids;                // int64 [rows]
    at::Tensor positions;                // int64 [rows]
    at::Tensor write_slots;              // int64 [rows]
    std::vector<at::Tensor> read_slots;  // per sequence: all its positions
    std::vector<int64_t> first_row;
    std::vector<int64_t> wanted_rows;
  };
  struct Rotation {
    at::Tensor cos, sin;  // [rows, 1, head_dim]
  };

  Batch MakeBatch(const StepPlan& plan, const PagedCache& cache) const;
  Rotation MakeRotation(const at::Tensor& positions) const;
  // x: [rows, hidden], normalised. Returns [rows, hidden].
  at::Tensor Attention(int32_t layer, const at::Tensor& x, const Batch& batch,
                       const Rotation& rotation, PagedCache& cache) const;
  // query: [rows, heads, head_dim]; returns [rows, heads * head_dim].
  at::Tensor AttendOne(const at::Tensor& query, const at::Tensor& positions,
                       const at::Tensor& keys, const at::Tensor& values) const;
  at::Tensor Mlp(const LayerWeights& layer, const at::Tensor& x) const;
  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight) const;

  const ModelConfig config_;
  const DecoderWeights weights_;
};

}  // namespace sluice::generator::reference
