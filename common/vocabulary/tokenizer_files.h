#pragma once

// The tokenizer of a model directory in the form of a tokenizer.json, whatever
// form it was published in. In order of precedence: tokenizer.json;
// tokenizer.model (SentencePiece); vocab.json with merges.txt; the only GGUF
// file.
//
// A SentencePiece model becomes a document with components of its own: the
// normalizer "SentencePiece" and, for byte-pair encoding, the model
// "SentencePieceBPE"; `kinds` has one digit a piece.

#include <string>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"

namespace sluice {

// Errors: NOT_FOUND when the directory has none of them, INVALID_ARGUMENT,
// UNIMPLEMENTED.
absl::StatusOr<JsonDocument> ReadTokenizerJson(const std::string& directory);

// One file, its kind told by the end of its name: .json is a tokenizer.json,
// .model a SentencePiece model, .gguf a GGUF file.
absl::StatusOr<JsonDocument> ReadTokenizerFile(const std::string& path);

}  // namespace sluice
