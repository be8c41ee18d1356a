#pragma once

// Small random models for the tests of this room, and a slow, obvious forward
// pass in doubles.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/modelfiles/safetensors.h"
#include "services/generator/models/decoder_weights.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

struct RandomModel {
  std::string architecture = "Qwen2ForCausalLM";
  int32_t vocabulary_size = 101;
  int32_t hidden_size = 48;
  int32_t ffn_size = 70;
  int32_t layers = 2;
  int32_t heads = 6;
  int32_t kv_heads = 2;
  int32_t head_dim = 16;
  bool tied = true;
  bool attention_bias = false;  // Llama's switch
  TensorType type = TensorType::kF32;
  uint32_t seed = 1;
};

// Writes config.json and model.safetensors. CHECKs that it can.
void WriteRandomModel(const RandomModel& model, const std::string& directory);

// What the doubles shall round as the native backend does.
struct NaiveOptions {
  std::string kv_format = "f32";
  DecoderFormats formats = {};  // of weights; activations then have 8 bits
};

// Logits [tokens, vocabulary] of a whole sequence in doubles.
std::vector<std::vector<double>> NaiveLogits(const std::string& directory,
                                             const std::vector<int32_t>& ids,
                                             const NaiveOptions& options);

}  // namespace sluice::generator
