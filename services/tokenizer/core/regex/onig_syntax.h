#pragma once

// Regular expressions of Oniguruma (Ruby syntax) rewritten for PCRE2, with the
// meaning that the Hugging Face library gives them: \s \w \d \b and the
// general categories are ours, of Unicode 16, classes may hold classes and
// intersections, {n}+ repeats, \h is a hexadecimal digit, (?m) lets . match
// newlines. What has the same meaning on both sides is copied.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::tokenizer {

// Errors: INVALID_ARGUMENT for a class that is not closed, an unknown
// property, classes nested too deeply.
absl::StatusOr<std::string> FromOnigSyntax(std::string_view regex);

}  // namespace sluice::tokenizer
