#pragma once

// Splitters of one rule each that need no pattern.

#include <cstdint>
#include <memory>

#include "services/tokenizer/core/pre_tokenizers/splitter.h"

namespace sluice::tokenizer {

// White space goes; words and runs of anything else stay apart.
std::unique_ptr<Splitter> MakeWhitespaceSplitter();
// Cuts where the script changes; hiragana and katakana count as han, and
// spaces at the start of a piece go.
std::unique_ptr<Splitter> MakeScriptSplitter();
// Cuts every `length` > 0 characters.
std::unique_ptr<Splitter> MakeFixedLengthSplitter(int64_t length);

}  // namespace sluice::tokenizer
