#pragma once

// Tokens -> expressions, by Jinja's grammar: a small descent for each level of
// precedence. Chains of one level become one node with many operands, so that
// only real nesting makes trees deep.

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/ast.h"
#include "services/tokenizer/chat/jinja/lexer.h"

namespace sluice::tokenizer::jinja {

// Numbers names in the order in which they appear.
class NameTable {
 public:
  int Id(const std::string& name) { return Known(name).id; }
  std::vector<std::string> Take() { return std::move(names_); }
  // How often the name was read so far.
  int Uses(const std::string& name) const;
  void CountUse(const std::string& name) { ++Known(name).uses; }

 private:
  struct Entry {
    int id = 0;
    int uses = 0;
  };
  Entry& Known(const std::string& name);

  // Ordered: whoever writes the template must not choose its speed.
  std::map<std::string, Entry> entries_;
  std::vector<std::string> names_;
};

// Walks the tokens; the statement parser shares it.
class TokenCursor {
 public:
  explicit TokenCursor(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& next() const {
    return tokens_[std::min(at_ + 1, tokens_.size() - 1)];
  }
  Token Take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool Is(TokenKind kind) const { return current().kind == kind; }
  bool IsOperator(std::string_view text) const {
    return Is(TokenKind::kOperator) && current().text == text;
  }
  bool IsName(std::string_view text) const {
    return Is(TokenKind::kName) && current().text == text;
  }
  bool TakeOperator(std::string_view text);
  bool TakeName(std::string_view text);
  // Errors: INVALID_ARGUMENT "line N: expected ..., got ...", as all of these.
  absl::Status Expect(TokenKind kind, std::string_view what);
  absl::Status ExpectOperator(std::string_view text);
  absl::StatusOr<std::string> ExpectName();
  absl::Status Unexpected(std::string_view wanted) const;

 private:
  const std::vector<Token> tokens_;
  size_t at_ = 0;
};

class ExpressionParser {
 public:
  ExpressionParser(TokenCursor& cursor, NameTable& names, int max_nesting)
      : cursor_(cursor), names_(names), max_nesting_(max_nesting) {}

  absl::StatusOr<ExprPtr> Expression();
  // Without a trailing "if ... else".
  absl::StatusOr<ExprPtr> ExpressionWithoutCondition();

  // Where commas make a tuple. `stop` is a name that ends it.
  struct TupleRules {
    bool with_condition = true;
    bool parenthesised = false;
    std::string_view stop = {};
  };
  absl::StatusOr<ExprPtr> MaybeTuple(const TupleRules& rules);

  // name, (a, b), a.b; `stop` as above.
  absl::StatusOr<Target> AssignmentTarget(std::string_view stop);
  // Chain of filters that starts at a name (filter blocks, set blocks).
  absl::StatusOr<ExprPtr> HeadlessFilters();

 private:
  class Nesting;

  absl::StatusOr<ExprPtr> Or();
  absl::StatusOr<ExprPtr> And();
  absl::StatusOr<ExprPtr> Not();
  absl::StatusOr<ExprPtr> Compare();
  absl::StatusOr<ExprPtr> Sum();
  absl::StatusOr<ExprPtr> Concat();
  absl::StatusOr<ExprPtr> Product();
  absl::StatusOr<ExprPtr> Power();
  absl::StatusOr<ExprPtr> Unary(bool with_filters);
  absl::StatusOr<ExprPtr> Primary();
  absl::StatusOr<ExprPtr> NamePrimary();
  absl::StatusOr<ExprPtr> Number();
  absl::StatusOr<ExprPtr> ListLiteral();
  absl::StatusOr<ExprPtr> DictLiteral();
  absl::StatusOr<ExprPtr> Postfix(ExprPtr node);
  absl::StatusOr<ExprPtr> Filters(ExprPtr node);
  absl::StatusOr<ExprPtr> Attribute(ExprPtr object);
  absl::StatusOr<ExprPtr> Subscript(ExprPtr object);
  absl::StatusOr<ExprPtr> SliceRest(ExprPtr object, ExprPtr start);
  absl::StatusOr<ExprPtr> Call(ExprPtr callee);
  absl::StatusOr<ExprPtr> Filter(ExprPtr input);
  absl::StatusOr<ExprPtr> Test(ExprPtr input);
  absl::StatusOr<CallArguments> Arguments();
  absl::Status OneArgument(CallArguments& arguments);
  absl::StatusOr<Target> OneTarget();
  absl::StatusOr<std::string> DottedName();
  absl::Status CheckChain(int length, std::string_view links) const;
  bool AtTupleEnd(std::string_view stop) const;
  std::optional<Comparison> TakeComparison();

  using Level = absl::StatusOr<ExprPtr> (ExpressionParser::*)();
  absl::StatusOr<ExprPtr> Chain(
      Level operand,
      std::initializer_list<std::pair<std::string_view, Operator>> operators);
  absl::StatusOr<ExprPtr> Joined(Level operand, ExprKind kind,
                                 std::string_view word);

  TokenCursor& cursor_;
  NameTable& names_;
  const int max_nesting_;
  int nesting_ = 0;
};

}  // namespace sluice::tokenizer::jinja
