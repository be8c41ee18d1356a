#pragma once

// The model families we know: an explicit table, one row each.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/modelfiles/json.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

struct ModelFamily {
  std::string_view architecture;  // architectures[0]
  std::string_view model_type;    // stands in where architectures is missing
  // Sets what this family does otherwise than the common decoder, and refuses
  // by name the switches that we do not have.
  absl::Status (*apply)(const JsonValue& config, ModelConfig& model);
};

absl::Span<const ModelFamily> ModelFamilies();

// Null when unknown.
const ModelFamily* FindModelFamily(std::string_view architecture);

// "LlamaForCausalLM, Qwen2ForCausalLM"
std::string SupportedArchitectures();

}  // namespace sluice::generator
