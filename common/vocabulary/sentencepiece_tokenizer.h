#pragma once

// A SentencePiece model in the form of a tokenizer.json, with components of its
// own (see tokenizer_files.h), and what a model directory says beside it.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "common/modelfiles/sentencepiece.h"

namespace sluice {

// `config` is what tokenizer_config.json holds: its added_tokens_decoder, its
// add_bos_token and add_eos_token (by default true and false for a
// LlamaTokenizer, else false), and, by its tokenizer_class, ChatGLM's tokens,
// which get the ids behind those of the model and are never found in text.
// `name` is for messages. Errors: INVALID_ARGUMENT.
absl::StatusOr<JsonDocument> TokenizerOfSentencePiece(
    const SentencePieceModel& model, const std::string& name,
    const std::optional<JsonValue>& config);

}  // namespace sluice
