#pragma once

// Stages of a pre-tokenizer that change the text.

#include <memory>
#include <string>

#include "services/tokenizer/core/pre_tokenizers/pre_tokenizer.h"

namespace sluice::tokenizer {

enum class PrependScheme { kAlways, kFirst, kNever };

struct MetaspaceOptions {
  std::string replacement = "\xE2\x96\x81";  // U+2581
  PrependScheme scheme = PrependScheme::kAlways;
  bool split = true;
};

// Spaces become the replacement, one is put in front, pieces are cut before
// each.
std::unique_ptr<PreTokenizerStep> MakeMetaspace(MetaspaceOptions options);
// A space before every piece that does not start with one.
std::unique_ptr<PreTokenizerStep> MakePrefixSpace();
// Every byte becomes its letter of the byte alphabet.
std::unique_ptr<PreTokenizerStep> MakeByteLetters();

}  // namespace sluice::tokenizer
