#pragma once

// Template source -> program.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/ast.h"
#include "services/tokenizer/chat/jinja/lexer.h"
#include "services/tokenizer/chat/jinja/limits.h"

namespace sluice::tokenizer::jinja {

// Errors: INVALID_ARGUMENT "line N: what" (syntax, nesting, size, a tag that
// would read other files).
absl::StatusOr<std::unique_ptr<const Program>> ParseTemplate(
    std::string_view source, const LexerOptions& lexer_options,
    const Limits& limits);

}  // namespace sluice::tokenizer::jinja
