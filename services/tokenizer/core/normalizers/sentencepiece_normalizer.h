#pragma once

// The normalizer built into SentencePiece models.

#include <memory>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/normalizers/normalizer.h"

namespace sluice::tokenizer {

// Longest rewritings first, spaces become U+2581, one in front of the text
// unless it is empty. `json` is what tokenizer_files makes of a model.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::unique_ptr<Normalizer>> MakeSentencePieceNormalizer(
    const JsonValue& json);

}  // namespace sluice::tokenizer
