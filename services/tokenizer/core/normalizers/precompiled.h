#pragma once

// Precompiled: SentencePiece's table as the Hugging Face library applies it,
// to whole grapheme clusters of fewer than 6 bytes first, then to characters.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/normalizers/normalizer.h"

namespace sluice::tokenizer {

// `base64` holds a CharsMap. Errors: INVALID_ARGUMENT when it is damaged.
absl::StatusOr<std::unique_ptr<Normalizer>> MakePrecompiled(
    std::string_view base64);

}  // namespace sluice::tokenizer
