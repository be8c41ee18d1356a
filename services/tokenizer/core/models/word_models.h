#pragma once

// Models that look whole words up: WordPiece, by longest known beginnings, and
// WordLevel.
// Source: Schuster and Nakajima 2012; Devlin et al. 2019.

#include <memory>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/models/model.h"

namespace sluice::tokenizer {

// `model` is the file's object of that name. Errors: INVALID_ARGUMENT.
absl::StatusOr<std::unique_ptr<Model>> MakeWordPiece(const JsonValue& model,
                                                     const TokenTable& table);
absl::StatusOr<std::unique_ptr<Model>> MakeWordLevel(const JsonValue& model,
                                                     const TokenTable& table);

}  // namespace sluice::tokenizer
