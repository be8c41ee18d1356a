#pragma once

// One conversion of Python's string formatting, common to % and format().

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

struct FormatSpec {
  char32_t fill = U' ';
  char align = 0;   // '<' '>' '^' '=' or 0 for the type's own
  char sign = '-';  // '-' '+' ' '
  bool alternate = false;
  char grouping = 0;  // ',' '_' or 0
  int64_t width = 0;
  int64_t precision = -1;
  char type = 0;  // 0 for none given
};

// Reads what stands after the ':' of a replacement field.
absl::StatusOr<FormatSpec> ParseFormatSpec(std::string_view spec);

// A number by its spec. REQUIRES: value.is_number().
absl::StatusOr<std::string> FormatNumber(const Value& value,
                                         const FormatSpec& spec,
                                         Budget& budget);

// Cuts to precision code points, then fills to width.
absl::StatusOr<Text> FormatText(const Text& text, const FormatSpec& spec,
                                Budget& budget);

}  // namespace sluice::tokenizer::jinja
