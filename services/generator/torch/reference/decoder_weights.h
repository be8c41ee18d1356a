#pragma once

// The weights of a decoder as float32 tensors.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator::reference {

// [out, in]; the bias [out] is undefined when the model has none.
struct Projection {
  at::Tensor weight;
  at::Tensor bias;
};

struct LayerWeights {
  at::Tensor attention_norm;  // [hidden]
  Projection query;           // [heads * head_dim, hidden]
  Projection key;             // [kv_heads * head_dim, hidden]
  Projection value;           // [kv_heads * head_dim, hidden]
  Projection output;          // [hidden, heads * head_dim]
  at::Tensor mlp_norm;        // [hidden]
  Projection gate;            // [ffn, hidden]
  Projection up;              // [ffn, hidden]
  Projection down;            // [hidden, ffn]
};

struct DecoderWeights {
  at::Tensor embedding;  // [vocabulary, hidden]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // [hidden]
  at::Tensor head;        // [vocabulary, hidden], the embedding when tied
  int64_t parameters = 0;
  std::string hash;  // HashTensors of all tensors used
};

// Reads F32, F16 and BF16 tensors of a model directory; `threads` share the
// hashing.
// Errors: NOT_FOUND, INVALID_ARGUMENT "tensor NAME: what, got, limit".
// Throws c10::Error when the memory cannot be had.
absl::StatusOr<DecoderWeights> LoadDecoderWeights(const std::string& directory,
                                                  const ModelConfig& config,
                                                  int threads);

}  // namespace sluice::generator::reference
