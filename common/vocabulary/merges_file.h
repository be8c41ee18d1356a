#pragma once

// Byte-level vocabularies in separate files: vocab.json, merges.txt, and the
// added tokens and the class of tokenizer_config.json.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"

namespace sluice {

// As a tokenizer.json. Errors: NOT_FOUND (vocab.json or merges.txt),
// INVALID_ARGUMENT, UNIMPLEMENTED for a tokenizer_class whose rules are not
// known.
absl::StatusOr<JsonDocument> ReadMergesFiles(const std::string& directory);

// The same from what the files hold; "{}" without a tokenizer_config.json.
absl::StatusOr<JsonDocument> TokenizerOfMergesFiles(
    const std::string& vocab, std::string_view merges_text,
    std::string_view config_text);

// The normalizer and pre-tokenizer, as members of a tokenizer.json, of a named
// family of byte-level vocabularies ("gpt2", "qwen2", "llama3", "falcon",
// "deepseek-llm", "deepseek-coder", "deepseek-v3", "youtu"); empty for an
// unknown one.
std::string_view ByteLevelRules(std::string_view family);

}  // namespace sluice
