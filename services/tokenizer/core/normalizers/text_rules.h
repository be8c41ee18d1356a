#pragma once

// Normalizers that are one rule each.

#include <memory>
#include <string>

#include "services/tokenizer/core/normalizers/normalizer.h"
#include "services/tokenizer/core/regex/pattern.h"

namespace sluice::tokenizer {

// Puts `prefix` before a text that is not empty.
std::unique_ptr<Normalizer> MakePrepend(std::string prefix);
// Every match of a pattern, or every occurrence of plain text, not empty,
// becomes `content`.
std::unique_ptr<Normalizer> MakeReplace(Pattern pattern, std::string content);
std::unique_ptr<Normalizer> MakeReplaceLiteral(std::string literal,
                                               std::string content);
// Takes white space from the ends.
std::unique_ptr<Normalizer> MakeStrip(bool left, bool right);
std::unique_ptr<Normalizer> MakeStripAccents();
// Removes control characters and turns white space of all kinds into spaces.
std::unique_ptr<Normalizer> MakeNmt();
// Every byte becomes its letter of the byte alphabet.
std::unique_ptr<Normalizer> MakeByteAlphabet();

}  // namespace sluice::tokenizer
