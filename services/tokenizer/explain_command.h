#pragma once

// `sluice-tokenizer explain TEXT`: what a text becomes, for people.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {

// The text cut into its tokens (in turning background colours, or between
// bars), then a line for each token: id, bytes of the text, spelling.
// Errors: as Tokenizer::EncodeWithOffsets.
absl::StatusOr<std::string> Explain(const Tokenizer& tokenizer,
                                    std::string_view text, bool colour);

}  // namespace sluice::tokenizer
