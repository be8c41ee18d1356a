#pragma once

// The tokenizer of a random-weight model: byte-level BPE without merges, so
// that any text encodes and any id decodes.

#include <string>

#include "services/generator/models/model_config.h"

namespace sluice::generator {

// Ids 0..255 are the bytes, then come the special tokens, then made-up words
// up to the vocabulary size of the config: no input encodes to these, but what
// a model samples is readable text.
// REQUIRES: config.vocabulary_size >= kRandomModelMinVocabulary.
std::string RandomTokenizerJson(const ModelConfig& config);

// tokenizer_config.json with a ChatML template.
std::string RandomTokenizerConfigJson(const ModelConfig& config);

}  // namespace sluice::generator
