#pragma once

// Template source -> tokens, with the whitespace rules of trim_blocks and
// lstrip_blocks already applied.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"

namespace sluice::tokenizer::jinja {

enum class TokenKind {
  kData,           // text between tags
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,  // of the source
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // of strings: after escapes
  int line = 1;
};

struct LexerOptions {
  bool trim_blocks = true;
  bool lstrip_blocks = true;
};

// The last token is kEnd.
// REQUIRES: source is valid UTF-8.
// Errors: INVALID_ARGUMENT "line N: what" (syntax; more tokens or longer names
// than the limits allow).
absl::StatusOr<std::vector<Token>> Tokenize(std::string_view source,
                                            const LexerOptions& options,
                                            const Limits& limits);

}  // namespace sluice::tokenizer::jinja
