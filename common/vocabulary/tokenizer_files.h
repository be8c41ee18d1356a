#pragma once

// The tokenizer of a model directory in the form of a tokenizer.json, whatever
// form it was published in. In order of precedence: tokenizer.json;
// vocab.json with merges.txt.

#include <string>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"

namespace sluice {

// Errors: NOT_FOUND when the directory has none of them, INVALID_ARGUMENT.
absl::StatusOr<JsonDocument> ReadTokenizerJson(const std::string& directory);

// One file, its kind told by the end of its name: .json (tokenizer.json).
absl::StatusOr<JsonDocument> ReadTokenizerFile(const std::string& path);

}  // namespace sluice
