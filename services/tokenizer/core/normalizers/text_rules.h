#pragma once

// Normalizers that are one rule each.

#include <memory>
#include <string>
#include <vector>

#include "services/tokenizer/core/normalizers/normalizer.h"
#include "services/tokenizer/core/regex/pattern.h"
#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {

// One after the other.
std::unique_ptr<Normalizer> MakeSequence(
    std::vector<std::unique_ptr<Normalizer>> steps);
// Puts `prefix` before a text that is not empty.
std::unique_ptr<Normalizer> MakePrepend(std::string prefix);
// Every match of a pattern, or every occurrence of plain text, not empty,
// becomes `content`.
std::unique_ptr<Normalizer> MakeReplace(Pattern pattern, std::string content);
std::unique_ptr<Normalizer> MakeReplaceLiteral(std::string literal,
                                               std::string content);
// Takes white space from the ends.
std::unique_ptr<Normalizer> MakeStrip(bool left, bool right);
// Takes these characters out.
std::unique_ptr<Normalizer> MakeRemove(CharSet removed);
std::unique_ptr<Normalizer> MakeStripAccents();
// Removes control characters and turns white space of all kinds into spaces.
std::unique_ptr<Normalizer> MakeNmt();
// Every byte becomes its letter of the byte alphabet.
std::unique_ptr<Normalizer> MakeByteAlphabet();

}  // namespace sluice::tokenizer
