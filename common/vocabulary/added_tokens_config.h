#pragma once

// The added tokens of a tokenizer_config.json.

#include <string>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"

namespace sluice {

// added_tokens_decoder as the array of a tokenizer.json, by ascending id.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::string> AddedTokensOfConfig(const JsonValue& config);

}  // namespace sluice
