#pragma once

// Values as Python prints them.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// The shortest decimal that reads back as the same number: 1.0, 1e+22, inf.
std::string FloatToString(double value);
// 'a', "it's", '\n'.
std::string QuoteString(std::string_view bytes);

// str(value), a string. Marks of strings are kept, and safe strings stay safe;
// anything else that holds a foreign string is foreign as a whole.
// Errors: RESOURCE_EXHAUSTED.
absl::StatusOr<Value> ToText(const Value& value, Budget& budget);
// repr(value).
absl::StatusOr<Text> Repr(const Value& value, Budget& budget);

}  // namespace sluice::tokenizer::jinja
