#pragma once

// Character properties by name, and sets of characters written for PCRE2.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {

// Threads: one at a time (sets are made when first asked for).
class Properties {
 public:
  // The characters of a property: a general category, a script, a POSIX class
  // ("alpha"), "word" and so on, whatever their case. nullptr when unknown.
  const CharSet* Find(std::string_view name);

  // The inside of a PCRE2 bracket for a set: categories that the engine knows
  // and that lie in it, then ranges for the rest.
  std::string Inside(const CharSet& set);

 private:
  const CharSet& EngineSet(const std::string& category);

  std::map<std::string, std::optional<CharSet>, std::less<>> sets_;
  std::map<std::string, CharSet> engine_sets_;
};

}  // namespace sluice::tokenizer
