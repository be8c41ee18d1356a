#pragma once

// The tokenizer in the metadata of a GGUF file.

#include "absl/status/statusor.h"
#include "common/modelfiles/gguf.h"
#include "common/modelfiles/json.h"

namespace sluice {

// As a tokenizer.json (or its SentencePiece dialect, see tokenizer_files.h).
// Control and user-defined tokens are sought in the text, as added tokens are.
// Errors: INVALID_ARGUMENT, UNIMPLEMENTED for a kind of tokenizer, or a name
// of pre-tokenisation rules, that is not known.
absl::StatusOr<JsonDocument> TokenizerOfGguf(const GgufFile& file);

}  // namespace sluice
