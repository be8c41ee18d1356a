#include "services/generator/make_random_model_shape.h"

#include <array>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "services/generator/models/decoder_weights.h"

namespace sluice::generator {
namespace {

constexpr int32_t kQwenVocabulary = 151936;

struct NamedShape {
  std::string_view name;
  int32_t hidden, ffn, layers, heads, kv_heads, head_dim;
  int32_t vocabulary, positions;
  double rope_theta, eps;
  bool tied;
};

constexpr std::array<NamedShape, 9> kShapes = {{
    {"tiny", 64, 160, 2, 4, 2, 16, 512, 1024, 10000, 1e-6, true},
    {"qwen1.5-0.5b", 1024, 2816, 24, 16, 16, 64, kQwenVocabulary, 32768, 1e6,
     1e-6, true},
    {"qwen1.5-1.8b", 2048, 5504, 24, 16, 16, 128, kQwenVocabulary, 32768, 1e6,
     1e-6, false},
    {"qwen2.5-0.5b", 896, 4864, 24, 14, 2, 64, kQwenVocabulary, 32768, 1e6,
     1e-6, true},
    {"qwen2.5-1.5b", 1536, 8960, 28, 12, 2, 128, kQwenVocabulary, 32768, 1e6,
     1e-6, true},
    {"r1-distill-1.5b", 1536, 8960, 28, 12, 2, 128, kQwenVocabulary, 131072,
     10000, 1e-6, false},
    {"tinyllama-1.1b", 2048, 5632, 22, 32, 4, 64, 32000, 2048, 10000, 1e-5,
     false},
    {"llama-2-7b", 4096, 11008, 32, 32, 32, 128, 32000, 4096, 10000, 1e-5,
     false},
    {"smollm2-135m", 576, 1536, 30, 9, 3, 64, 49152, 8192, 100000, 1e-5, true},
}};

const NamedShape* FindShape(std::string_view name) {
  for (const NamedShape& shape : kShapes) {
    if (shape.name == name) return &shape;
  }
  return nullptr;
}

ModelConfig ConfigOf(const NamedShape& shape) {
  ModelConfig config;
  config.hidden_size = shape.hidden;
  config.ffn_size = shape.ffn;
  config.layers = shape.layers;
  config.heads = shape.heads;
  config.kv_heads = shape.kv_heads;
  config.head_dim = shape.head_dim;
  config.vocabulary_size = shape.vocabulary;
  config.max_positions = shape.positions;
  config.rope_theta = shape.rope_theta;
  config.rms_norm_eps = shape.eps;
  config.tied_head = shape.tied;
  return config;
}

absl::Status BadShape(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("shape: ", what));
}

int32_t* SizeField(ModelConfig& config, std::string_view key) {
  const std::pair<std::string_view, int32_t*> fields[] = {
      {"hidden", &config.hidden_size},    {"ffn", &config.ffn_size},
      {"layers", &config.layers},         {"heads", &config.heads},
      {"kv_heads", &config.kv_heads},     {"head_dim", &config.head_dim},
      {"vocab", &config.vocabulary_size}, {"context", &config.max_positions}};
  for (const auto& [name, field] : fields) {
    if (name == key) return field;
  }
  return nullptr;
}

absl::Status SetField(ModelConfig& config, const std::string& key,
                      const std::string& value) {
  const absl::Status bad = BadShape(absl::StrCat(
      key, ": a value of the right kind is wanted, got '", value, "'"));
  if (int32_t* size = SizeField(config, key)) {
    return absl::SimpleAtoi(value, size) ? absl::OkStatus() : bad;
  }
  if (key == "tied") {
    return absl::SimpleAtob(value, &config.tied_head) ? absl::OkStatus() : bad;
  }
  if (key == "rope_theta") {
    return absl::SimpleAtod(value, &config.rope_theta) ? absl::OkStatus() : bad;
  }
  if (key == "eps") {
    return absl::SimpleAtod(value, &config.rms_norm_eps) ? absl::OkStatus()
                                                         : bad;
  }
  return BadShape(absl::StrCat(
      "unknown key '", key,
      "', known are hidden, ffn, layers, heads, kv_heads, head_dim, vocab, "
      "context, tied, rope_theta, eps"));
}

// head_dim follows hidden and heads unless it was given.
absl::Status Override(ModelConfig& config,
                      absl::Span<const std::string> pairs) {
  bool head_dim_given = false;
  bool heads_changed = false;
  for (const std::string& pair : pairs) {
    const std::pair<std::string, std::string> field =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    RETURN_IF_ERROR(SetField(config, field.first, field.second));
    head_dim_given |= field.first == "head_dim";
    heads_changed |= field.first == "hidden" || field.first == "heads";
  }
  if (heads_changed && !head_dim_given && config.heads > 0) {
    config.head_dim = config.hidden_size / config.heads;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string_view> RandomShapeNames() {
  std::vector<std::string_view> names;
  for (const NamedShape& shape : kShapes) names.push_back(shape.name);
  return names;
}

absl::StatusOr<ModelConfig> ParseRandomShape(std::string_view family,
                                             std::string_view shape) {
  if (family != "qwen2" && family != "llama") {
    return absl::InvalidArgumentError(absl::StrCat(
        "family: got '", std::string(family), "', known are qwen2 and llama"));
  }
  std::vector<std::string> parts =
      absl::StrSplit(std::string(shape), ',', absl::SkipEmpty());
  const NamedShape* named = FindShape("tiny");
  if (!parts.empty() && parts[0].find('=') == std::string::npos) {
    named = FindShape(parts[0]);
    if (named == nullptr) {
      return BadShape(absl::StrCat("unknown name '", parts[0], "'"));
    }
    parts.erase(parts.begin());
  }
  ModelConfig config = ConfigOf(*named);
  const bool qwen = family == "qwen2";
  config.architecture = qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM";
  config.qkv_bias = qwen;
  RETURN_IF_ERROR(Override(config, parts));
  if (config.vocabulary_size < kRandomModelMinVocabulary) {
    return BadShape(absl::StrCat("vocab: got ", config.vocabulary_size,
                                 ", at least ", kRandomModelMinVocabulary));
  }
  // One judge of sizes for files from outside and for ours.
  return ParseModelConfig(RandomConfigJson(config, TensorType::kF32),
                          RandomGenerationConfigJson());
}

std::string RandomConfigJson(const ModelConfig& config, TensorType type) {
  const bool qwen = config.architecture == "Qwen2ForCausalLM";
  nlohmann::ordered_json json = {
      {"architectures", {config.architecture}},
      {"model_type", qwen ? "qwen2" : "llama"},
      {"vocab_size", config.vocabulary_size},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.ffn_size},
      {"num_hidden_layers", config.layers},
      {"num_attention_heads", config.heads},
      {"num_key_value_heads", config.kv_heads},
      {"max_position_embeddings", config.max_positions},
      {"rope_theta", config.rope_theta},
      {"rms_norm_eps", config.rms_norm_eps},
      {"hidden_act", "silu"},
      {"tie_word_embeddings", config.tied_head},
      {"attention_dropout", 0.0},
      {"use_cache", true},
      {"bos_token_id", kRandomModelEndOfText},
      {"eos_token_id", kRandomModelImEnd},
      {"torch_dtype", type == TensorType::kBF16 ? "bfloat16" : "float32"}};
  if (config.head_dim * config.heads != config.hidden_size) {
    json["head_dim"] = config.head_dim;
  }
  if (!qwen) json["attention_bias"] = config.qkv_bias;
  return json.dump(2) + "\n";
}

std::string RandomGenerationConfigJson() {
  const nlohmann::ordered_json json = {
      {"do_sample", true},
      {"bos_token_id", kRandomModelEndOfText},
      {"eos_token_id", {kRandomModelImEnd, kRandomModelEndOfText}},
      {"pad_token_id", kRandomModelEndOfText}};
  return json.dump(2) + "\n";
}

std::vector<TensorSpec> DecoderTensorSpecs(const ModelConfig& config,
                                           TensorType type) {
  std::vector<TensorSpec> tensors;
  for (TensorRequest& tensor : DecoderTensors(config, config.tied_head)) {
    tensors.push_back({std::move(tensor.name), type, std::move(tensor.shape)});
  }
  return tensors;
}

int64_t CountParameters(const std::vector<TensorSpec>& tensors) {
  int64_t total = 0;
  for (const TensorSpec& tensor : tensors) {
    int64_t elements = 1;
    for (const int64_t dimension : tensor.shape) elements *= dimension;
    total += elements;
  }
  return total;
}

}  // namespace sluice::generator
