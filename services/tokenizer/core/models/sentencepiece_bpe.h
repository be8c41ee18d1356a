#pragma once

// Byte-pair encoding as SentencePiece does it: the pair whose result has the
// highest score becomes one piece, leftmost first.
// Source: Kudo and Richardson 2018.

#include <memory>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/models/model.h"

namespace sluice::tokenizer {

// `model` is what tokenizer_files makes of a model file; the pieces are those
// of the table. Errors: INVALID_ARGUMENT.
absl::StatusOr<std::unique_ptr<Model>> MakeSentencePieceBpe(
    const JsonValue& model, const TokenTable& table);

}  // namespace sluice::tokenizer
