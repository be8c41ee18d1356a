#include "services/generator/models/model_config.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "common/modelfiles/json.h"
#include "services/generator/models/registry.h"

namespace sluice::generator {
namespace {

absl::Status Unsupported(std::string_view field, std::string_view got,
                         std::string_view limit) {
  return absl::UnimplementedError(
      absl::StrCat("config.json: ", std::string(field), ": not supported, got ",
                   std::string(got), ", supported: ", std::string(limit)));
}

// architectures[0]; where that is missing, model_type picks the family.
absl::StatusOr<const ModelFamily*> ReadFamily(const JsonValue& root) {
  const std::optional<JsonValue> architectures = root.Find("architectures");
  std::string name;
  if (architectures.has_value()) {
    RETURN_IF_ERROR(architectures->ForEachElement(
        [&](const JsonValue& element) -> absl::Status {
          ASSIGN_OR_RETURN(const std::string_view text, element.AsString());
          if (name.empty()) name = std::string(text);
          return absl::OkStatus();
        }));
  }
  if (!name.empty()) {
    const ModelFamily* family = FindModelFamily(name);
    if (family != nullptr) return family;
    return Unsupported("architectures[0]", name, SupportedArchitectures());
  }
  ASSIGN_OR_RETURN(const std::string_view type, root.GetString("model_type"));
  for (const ModelFamily& family : ModelFamilies()) {
    if (family.model_type == type) return &family;
  }
  return Unsupported("model_type", type, SupportedArchitectures());
}

absl::StatusOr<int32_t> GetSize(const JsonValue& root, std::string_view key,
                                int32_t max) {
  ASSIGN_OR_RETURN(const int64_t value, root.GetInt(key, 1, max));
  return static_cast<int32_t>(value);
}

absl::StatusOr<int32_t> GetSizeOr(const JsonValue& root, std::string_view key,
                                  int32_t otherwise, int32_t max) {
  ASSIGN_OR_RETURN(const int64_t value, root.GetIntOr(key, otherwise, 1, max));
  return static_cast<int32_t>(value);
}

absl::Status ReadHeads(const JsonValue& root, ModelConfig& model) {
  ASSIGN_OR_RETURN(model.heads,
                   GetSize(root, "num_attention_heads", kMaxHeads));
  ASSIGN_OR_RETURN(model.kv_heads, GetSizeOr(root, "num_key_value_heads",
                                             model.heads, kMaxHeads));
  if (model.heads % model.kv_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "config.json: num_key_value_heads: must divide num_attention_heads, ",
        "got ", model.kv_heads, ", num_attention_heads is ", model.heads));
  }
  if (root.Find("head_dim").has_value()) {
    ASSIGN_OR_RETURN(model.head_dim, GetSize(root, "head_dim", kMaxHeadDim));
  } else if (model.hidden_size % model.heads != 0 ||
             model.hidden_size / model.heads > kMaxHeadDim) {
    return absl::InvalidArgumentError(absl::StrCat(
        "config.json: hidden_size: must be num_attention_heads times at most ",
        kMaxHeadDim, " where head_dim is missing, got ", model.hidden_size,
        ", num_attention_heads is ", model.heads));
  } else {
    model.head_dim = model.hidden_size / model.heads;
  }
  if (model.head_dim % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "config.json: head_dim: must be even, got ", model.head_dim));
  }
  return absl::OkStatus();
}

absl::Status ReadSizes(const JsonValue& root, ModelConfig& model) {
  ASSIGN_OR_RETURN(model.vocabulary_size,
                   GetSize(root, "vocab_size", kMaxVocabularySize));
  ASSIGN_OR_RETURN(model.hidden_size,
                   GetSize(root, "hidden_size", kMaxHiddenSize));
  ASSIGN_OR_RETURN(model.ffn_size,
                   GetSize(root, "intermediate_size", kMaxFfnSize));
  ASSIGN_OR_RETURN(model.layers,
                   GetSize(root, "num_hidden_layers", kMaxLayers));
  ASSIGN_OR_RETURN(model.max_positions,
                   GetSize(root, "max_position_embeddings", kMaxPositions));
  return ReadHeads(root, model);
}

// A number that must be finite and positive.
absl::StatusOr<double> Positive(const JsonValue& value) {
  ASSIGN_OR_RETURN(const double number, value.AsDouble());
  if (std::isfinite(number) && number > 0.0) return number;
  return value.Error(absl::StrCat("must be positive, got ", number));
}

// Old files: rope_theta beside rope_scaling {type | rope_type}. New ones:
// rope_parameters {rope_theta, rope_type}, which wins.
absl::Status ReadRope(const JsonValue& root, ModelConfig& model) {
  std::optional<JsonValue> theta = root.Find("rope_theta");
  for (std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const std::optional<JsonValue> rope = root.Find(key);
    if (!rope.has_value()) continue;
    if (!rope->IsObject()) return rope->Error("must be an object");
    for (std::string_view type_key : {"rope_type", "type"}) {
      ASSIGN_OR_RETURN(const std::string_view type,
                       rope->GetStringOr(type_key, "default"));
      if (type != "default") {
        return Unsupported(
            absl::StrCat(std::string(key), ".", std::string(type_key)), type,
            "default");
      }
    }
    if (rope->Find("rope_theta").has_value()) {
      theta = rope->Find("rope_theta");
    }
    if (key == "rope_parameters") break;
  }
  if (theta.has_value()) {
    ASSIGN_OR_RETURN(model.rope_theta, Positive(*theta));
  }
  ASSIGN_OR_RETURN(const double rotated,
                   root.GetDoubleOr("partial_rotary_factor", 1.0));
  if (rotated != 1.0) {
    return Unsupported("partial_rotary_factor", absl::StrCat(rotated), "1");
  }
  return absl::OkStatus();
}

absl::Status ReadSwitches(const JsonValue& root, ModelConfig& model) {
  ASSIGN_OR_RETURN(const JsonValue eps, root.Get("rms_norm_eps"));
  ASSIGN_OR_RETURN(model.rms_norm_eps, Positive(eps));
  ASSIGN_OR_RETURN(model.tied_head,
                   root.GetBoolOr("tie_word_embeddings", false));
  ASSIGN_OR_RETURN(const std::string_view act,
                   root.GetStringOr("hidden_act", "silu"));
  if (act != "silu") return Unsupported("hidden_act", act, "silu");
  if (root.Find("quantization_config").has_value()) {
    return Unsupported("quantization_config", "an object",
                       "unquantised weights");
  }
  const std::optional<JsonValue> bos = root.Find("bos_token_id");
  if (bos.has_value()) {
    ASSIGN_OR_RETURN(const int64_t id, bos->AsInt(0, kMaxVocabularySize));
    model.bos_id = static_cast<int32_t>(id);
  }
  return absl::OkStatus();
}

// eos_token_id is a number or a list.
absl::Status AddEosIds(const JsonValue& root, ModelConfig& model) {
  const std::optional<JsonValue> eos = root.Find("eos_token_id");
  if (!eos.has_value()) return absl::OkStatus();
  std::vector<int64_t> ids;
  if (eos->IsArray()) {
    ASSIGN_OR_RETURN(ids, eos->AsInts(0, model.vocabulary_size - 1));
  } else {
    ASSIGN_OR_RETURN(const int64_t id,
                     eos->AsInt(0, model.vocabulary_size - 1));
    ids.push_back(id);
  }
  model.eos_ids.insert(model.eos_ids.end(), ids.begin(), ids.end());
  std::sort(model.eos_ids.begin(), model.eos_ids.end());
  model.eos_ids.erase(std::unique(model.eos_ids.begin(), model.eos_ids.end()),
                      model.eos_ids.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view config_json,
                                             std::string_view generation_json) {
  ASSIGN_OR_RETURN(
      const JsonDocument document,
      JsonDocument::Parse(config_json, "config.json", JsonLimits{}));
  const JsonValue root = document.root();
  if (!root.IsObject()) return root.Error("must be an object");
  ModelConfig model;
  ASSIGN_OR_RETURN(const ModelFamily* family, ReadFamily(root));
  model.architecture = std::string(family->architecture);
  RETURN_IF_ERROR(ReadSizes(root, model));
  RETURN_IF_ERROR(ReadRope(root, model));
  RETURN_IF_ERROR(ReadSwitches(root, model));
  RETURN_IF_ERROR(family->apply(root, model));
  RETURN_IF_ERROR(AddEosIds(root, model));
  if (!generation_json.empty()) {
    ASSIGN_OR_RETURN(
        const JsonDocument generation,
        JsonDocument::Parse(generation_json, "generation_config.json",
                            JsonLimits{}));
    RETURN_IF_ERROR(AddEosIds(generation.root(), model));
  }
  return model;
}

absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& directory) {
  constexpr size_t kMaxBytes = size_t{16} << 20;
  ASSIGN_OR_RETURN(const std::string config,
                   ReadWholeFile(directory + "/config.json", kMaxBytes));
  absl::StatusOr<std::string> generation =
      ReadWholeFile(directory + "/generation_config.json", kMaxBytes);
  if (absl::IsNotFound(generation.status())) generation = "";
  RETURN_IF_ERROR(generation.status());
  return ParseModelConfig(config, *generation);
}

}  // namespace sluice::generator
