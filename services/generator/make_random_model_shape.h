#pragma once

// Which decoder a random-weight model shall be: named shapes of published
// models and key=value overrides, made into a config.json.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

// The fewest entries that a byte-level vocabulary of the models made here has:
// 256 bytes and three special tokens.
inline constexpr int32_t kRandomModelMinVocabulary = 259;
// Ids of the special tokens of every model made here.
inline constexpr int32_t kRandomModelEndOfText = 256;
inline constexpr int32_t kRandomModelImStart = 257;
inline constexpr int32_t kRandomModelImEnd = 258;

// Names that ParseRandomShape knows, in the order of a help text.
std::vector<std::string_view> RandomShapeNames();

// `family` is "qwen2" or "llama". `shape` is a name, or key=value pairs that
// change the shape "tiny", or a name followed by pairs, all comma-separated:
// "qwen2.5-1.5b,layers=2". Keys: hidden, ffn, layers, heads, kv_heads,
// head_dim, vocab, context, tied, rope_theta, eps.
// Errors: INVALID_ARGUMENT "shape: what, got, limit".
absl::StatusOr<ModelConfig> ParseRandomShape(std::string_view family,
                                             std::string_view shape);

// config.json and generation_config.json of such a model. `type` is kF32 or
// kBF16.
std::string RandomConfigJson(const ModelConfig& config, TensorType type);
std::string RandomGenerationConfigJson();

// Every tensor that the decoder reads, in file order.
std::vector<TensorSpec> DecoderTensorSpecs(const ModelConfig& config,
                                           TensorType type);

// Elements of all tensors.
int64_t CountParameters(const std::vector<TensorSpec>& tensors);

}  // namespace sluice::generator
