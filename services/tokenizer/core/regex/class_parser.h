#pragma once

// Bracketed character classes of Oniguruma: nested classes, intersections,
// POSIX names, escapes.

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/tokenizer/core/regex/properties.h"
#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {

// A class as it was written: the set inside the brackets, and whether a ^
// stood first.
struct ParsedClass {
  CharSet set;
  bool negated = false;

  CharSet Characters() const { return negated ? set.Complement() : set; }
};

// Reads from the front of a pattern and takes what it has read.
// Threads: one at a time.
class ClassParser {
 public:
  ClassParser(std::string_view& rest, Properties& properties)
      : rest_(rest), properties_(properties) {}

  // REQUIRES: the rest starts with '['. Errors: INVALID_ARGUMENT.
  absl::StatusOr<ParsedClass> Bracket(int depth);
  // \p{..}, \P{..}, \s \S \w \W \d \D \h \H; REQUIRES: IsShorthand().
  absl::StatusOr<ParsedClass> Shorthand(bool in_bracket);
  bool IsShorthand() const;
  // One character, escaped or not. REQUIRES: something is left.
  absl::StatusOr<char32_t> Character();

 private:
  absl::StatusOr<CharSet> Items(int depth);
  absl::StatusOr<CharSet> RangeFrom(char32_t first);
  absl::StatusOr<ParsedClass> Property(bool in_bracket);
  absl::StatusOr<ParsedClass> PosixClass();
  absl::StatusOr<char32_t> Escape();
  absl::StatusOr<char32_t> Hexadecimal(size_t max_digits);

  std::string_view& rest_;
  Properties& properties_;
};

absl::Status PatternError(std::string_view what);

}  // namespace sluice::tokenizer
