#pragma once

// Small tokenizers made of every kind of component, for fuzzing their texts.

#include <memory>
#include <string>
#include <vector>

#include "services/tokenizer/core/tokenizer.h"

namespace sluice::tokenizer {

// What comes back when a text is encoded and decoded again.
enum class RoundTrip {
  kSame,        // the text, to the byte
  kNormalised,  // a text that from then on comes back to the byte
  kLossy,
};

struct SmallTokenizer {
  std::string name;
  RoundTrip round_trip = RoundTrip::kLossy;
  std::unique_ptr<Tokenizer> tokenizer;
};

// All of them. Ends the process when one does not load.
std::vector<SmallTokenizer> MakeSmallTokenizers();

}  // namespace sluice::tokenizer
