#pragma once

// config.json of a decoder, parsed once into a valid value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::generator {

// Every value is within its limits: the sizes are positive and multiply
// without overflow, heads is a multiple of kv_heads, head_dim is even.
// Immutable.
struct ModelConfig {
  std::string architecture;  // architectures[0], a name of the registry
  int32_t vocabulary_size = 0;
  int32_t hidden_size = 0;
  int32_t ffn_size = 0;  // intermediate_size
  int32_t layers = 0;
  int32_t heads = 0;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;  // its own key, else hidden_size / heads
  int32_t max_positions = 0;
  double rope_theta = 10000.0;
  double rms_norm_eps = 0.0;
  bool tied_head = false;    // tie_word_embeddings
  bool qkv_bias = false;     // always for Qwen2, attention_bias for Llama
  bool output_bias = false;  // on o_proj; attention_bias for Llama
  // Ids that end a sequence: the union of config.json and
  // generation_config.json, ascending, may be empty.
  std::vector<int32_t> eos_ids;
  // Shown only; -1 when absent.
  int32_t bos_id = -1;

  int32_t query_size() const { return heads * head_dim; }
  int32_t kv_size() const { return kv_heads * head_dim; }
};

// Limits on what is believed of a config.json.
inline constexpr int32_t kMaxVocabularySize = 1 << 24;
inline constexpr int32_t kMaxHiddenSize = 1 << 17;
inline constexpr int32_t kMaxFfnSize = 1 << 19;
inline constexpr int32_t kMaxLayers = 1 << 10;
inline constexpr int32_t kMaxHeads = 1 << 10;
inline constexpr int32_t kMaxHeadDim = 1 << 10;
inline constexpr int32_t kMaxPositions = 1 << 24;

// Reads `directory`/config.json and, when there, generation_config.json.
// Errors: NOT_FOUND without a config.json; INVALID_ARGUMENT
// "config.json: field: what, got, limit"; UNIMPLEMENTED for an architecture or
// a switch (rope scaling, sliding window, quantisation) that we do not have.
absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& directory);

// The same from text; `generation_json` may be empty.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view config_json,
                                             std::string_view generation_json);

}  // namespace sluice::generator
