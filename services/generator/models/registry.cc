#include "services/generator/models/registry.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

absl::Status RefuseIfTrue(const JsonValue& config, std::string_view key) {
  ASSIGN_OR_RETURN(const bool value, config.GetBoolOr(key, false));
  if (!value) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "config.json: ", std::string(key), ": not supported, got true"));
}

// Biases on q, k and v are part of the architecture. `sliding_window` means
// something only where `use_sliding_window` is true.
absl::Status ApplyQwen2(const JsonValue& config, ModelConfig& model) {
  model.qkv_bias = true;
  return RefuseIfTrue(config, "use_sliding_window");
}

absl::Status ApplyLlama(const JsonValue& config, ModelConfig& model) {
  ASSIGN_OR_RETURN(model.qkv_bias, config.GetBoolOr("attention_bias", false));
  model.output_bias = model.qkv_bias;
  return RefuseIfTrue(config, "mlp_bias");
}

constexpr ModelFamily kFamilies[] = {
    {"LlamaForCausalLM", "llama", ApplyLlama},
    {"Qwen2ForCausalLM", "qwen2", ApplyQwen2},
};

}  // namespace

absl::Span<const ModelFamily> ModelFamilies() { return kFamilies; }

const ModelFamily* FindModelFamily(std::string_view architecture) {
  for (const ModelFamily& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  return nullptr;
}

std::string SupportedArchitectures() {
  return absl::StrJoin(kFamilies, ", ",
                       [](std::string* out, const ModelFamily& family) {
                         out->append(family.architecture);
                       });
}

}  // namespace sluice::generator
