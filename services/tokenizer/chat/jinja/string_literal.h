#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::tokenizer::jinja {

// Resolves the escapes of a Python string literal; unknown ones stay.
// Errors: INVALID_ARGUMENT (a cut or impossible escape).
absl::StatusOr<std::string> Unescape(std::string_view literal);

}  // namespace sluice::tokenizer::jinja
