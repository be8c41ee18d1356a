#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/expression_parser.h"

namespace sluice::tokenizer::jinja {
namespace {

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "text";
    case TokenKind::kVariableBegin:
      return "'{{'";
    case TokenKind::kVariableEnd:
      return "'}}'";
    case TokenKind::kBlockBegin:
      return "'{%'";
    case TokenKind::kBlockEnd:
      return "'%}'";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return "'" + Clip(token.text) + "'";
  }
}

}  // namespace

NameTable::Entry& NameTable::Known(const std::string& name) {
  const auto [found, inserted] =
      entries_.emplace(name, Entry{static_cast<int>(names_.size()), 0});
  if (inserted) names_.push_back(name);
  return found->second;
}

int NameTable::Uses(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? 0 : found->second.uses;
}

bool TokenCursor::TakeOperator(std::string_view text) {
  if (!IsOperator(text)) return false;
  Take();
  return true;
}

bool TokenCursor::TakeName(std::string_view text) {
  if (!IsName(text)) return false;
  Take();
  return true;
}

absl::Status TokenCursor::Unexpected(std::string_view wanted) const {
  return Fail("line ", current().line, ": expected ", wanted, ", got ",
              Describe(current()));
}

absl::Status TokenCursor::Expect(TokenKind kind, std::string_view what) {
  if (!Is(kind)) return Unexpected(what);
  Take();
  return absl::OkStatus();
}

absl::Status TokenCursor::ExpectOperator(std::string_view text) {
  if (TakeOperator(text)) return absl::OkStatus();
  return Unexpected("'" + std::string(text) + "'");
}

absl::StatusOr<std::string> TokenCursor::ExpectName() {
  if (!Is(TokenKind::kName)) return Unexpected("a name");
  return Take().text;
}

}  // namespace sluice::tokenizer::jinja
