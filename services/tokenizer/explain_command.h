#pragma once

// `sluice-tokenizer explain [TEXT]`: what a text becomes, for people. Without
// TEXT it is read from standard input.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {

struct ExplainOptions {
  int64_t max_text_bytes = 4 << 20;
};

// All that there is to read. Errors: INVALID_ARGUMENT (more than the limit),
// UNAVAILABLE (cannot be read).
absl::StatusOr<std::string> ReadText(int fd, const ExplainOptions& options);

// Whether `fd` is a terminal that shows colours and its user wants them: the
// environment variables NO_COLOR and TERM=dumb say no.
bool WantsColour(int fd);

// The text cut into its tokens (in turning background colours, or between
// bars), then a line for each token: id, bytes of the text, its own bytes.
// Errors: as Tokenizer::EncodeWithOffsets.
absl::StatusOr<std::string> Explain(const Tokenizer& tokenizer,
                                    std::string_view text, bool colour);

}  // namespace sluice::tokenizer
