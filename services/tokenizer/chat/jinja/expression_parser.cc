#include "services/tokenizer/chat/jinja/expression_parser.h"

#include <cerrno>
#include <cstdlib>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/errors.h"

namespace sluice::tokenizer::jinja {

// One more level while it lives.
class ExpressionParser::Nesting {
 public:
  explicit Nesting(ExpressionParser& parser) : parser_(parser) {
    ++parser_.nesting_;
  }
  ~Nesting() { --parser_.nesting_; }
  absl::Status Check() const {
    if (parser_.nesting_ <= parser_.max_nesting_) return absl::OkStatus();
    return Fail("line ", parser_.cursor_.current().line,
                ": expressions nest deeper than ", parser_.max_nesting_,
                " levels");
  }

 private:
  ExpressionParser& parser_;
};

// Links of a chain lie inside one another.
absl::Status ExpressionParser::CheckChain(int length,
                                          std::string_view links) const {
  if (length <= max_nesting_) return absl::OkStatus();
  return Fail("line ", cursor_.current().line, ": a chain of more than ",
              max_nesting_, " ", links);
}

absl::StatusOr<ExprPtr> ExpressionParser::Expression() {
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.Check());
  ASSIGN_OR_RETURN(ExprPtr node, Or());
  for (int length = 0; cursor_.TakeName("if"); ++length) {
    RETURN_IF_ERROR(CheckChain(length, "conditions"));
    auto conditional = std::make_unique<ConditionalExpr>();
    conditional->then = std::move(node);
    ASSIGN_OR_RETURN(conditional->condition, Or());
    if (cursor_.TakeName("else")) {
      ASSIGN_OR_RETURN(conditional->otherwise, Expression());
    }
    node = std::move(conditional);
  }
  return node;
}

absl::StatusOr<ExprPtr> ExpressionParser::ExpressionWithoutCondition() {
  return Or();
}

absl::StatusOr<ExprPtr> ExpressionParser::Joined(Level operand, ExprKind kind,
                                                 std::string_view word) {
  ASSIGN_OR_RETURN(ExprPtr first, (this->*operand)());
  const bool symbol = word == "~";
  auto take = [this, symbol, word] {
    return symbol ? cursor_.TakeOperator(word) : cursor_.TakeName(word);
  };
  if (!take()) return first;
  auto chain = std::make_unique<ItemsExpr>(kind);
  chain->items.push_back(std::move(first));
  do {
    ASSIGN_OR_RETURN(ExprPtr next, (this->*operand)());
    chain->items.push_back(std::move(next));
  } while (take());
  return chain;
}

absl::StatusOr<ExprPtr> ExpressionParser::Or() {
  return Joined(&ExpressionParser::And, ExprKind::kOr, "or");
}

absl::StatusOr<ExprPtr> ExpressionParser::And() {
  return Joined(&ExpressionParser::Not, ExprKind::kAnd, "and");
}

absl::StatusOr<ExprPtr> ExpressionParser::Not() {
  if (!cursor_.TakeName("not")) return Compare();
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.Check());
  ASSIGN_OR_RETURN(ExprPtr operand, Not());
  return std::make_unique<UnaryExpr>(ExprKind::kNot, std::move(operand));
}

std::optional<Comparison> ExpressionParser::TakeComparison() {
  static constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::kEqual},  {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},    {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater}, {">=", Comparison::kGreaterEqual},
  };
  for (const auto& [symbol, comparison] : kSymbols) {
    if (cursor_.TakeOperator(symbol)) return comparison;
  }
  if (cursor_.TakeName("in")) return Comparison::kIn;
  if (cursor_.IsName("not") && cursor_.next().kind == TokenKind::kName &&
      cursor_.next().text == "in") {
    cursor_.Take();
    cursor_.Take();
    return Comparison::kNotIn;
  }
  return std::nullopt;
}

absl::StatusOr<ExprPtr> ExpressionParser::Compare() {
  ASSIGN_OR_RETURN(ExprPtr first, Sum());
  std::optional<Comparison> comparison = TakeComparison();
  if (!comparison.has_value()) return first;
  auto node = std::make_unique<CompareExpr>();
  node->first = std::move(first);
  for (; comparison.has_value(); comparison = TakeComparison()) {
    ASSIGN_OR_RETURN(ExprPtr operand, Sum());
    node->rest.emplace_back(*comparison, std::move(operand));
  }
  return node;
}

absl::StatusOr<ExprPtr> ExpressionParser::Chain(
    Level operand,
    std::initializer_list<std::pair<std::string_view, Operator>> operators) {
  ASSIGN_OR_RETURN(ExprPtr first, (this->*operand)());
  std::unique_ptr<ArithmeticExpr> chain;
  while (true) {
    const Operator* found = nullptr;
    for (const auto& [symbol, op] : operators) {
      if (found == nullptr && cursor_.TakeOperator(symbol)) found = &op;
    }
    if (found == nullptr) break;
    if (chain == nullptr) {
      chain = std::make_unique<ArithmeticExpr>();
      chain->first = std::move(first);
    }
    ASSIGN_OR_RETURN(ExprPtr next, (this->*operand)());
    chain->rest.emplace_back(*found, std::move(next));
  }
  if (chain == nullptr) return first;
  return chain;
}

absl::StatusOr<ExprPtr> ExpressionParser::Sum() {
  return Chain(&ExpressionParser::Concat,
               {{"+", Operator::kAdd}, {"-", Operator::kSub}});
}

absl::StatusOr<ExprPtr> ExpressionParser::Concat() {
  return Joined(&ExpressionParser::Product, ExprKind::kConcat, "~");
}

absl::StatusOr<ExprPtr> ExpressionParser::Product() {
  return Chain(&ExpressionParser::Power, {{"*", Operator::kMul},
                                          {"/", Operator::kDiv},
                                          {"//", Operator::kFloorDiv},
                                          {"%", Operator::kMod}});
}

absl::StatusOr<ExprPtr> ExpressionParser::Power() {
  ASSIGN_OR_RETURN(ExprPtr first, Unary(/*with_filters=*/true));
  if (!cursor_.IsOperator("**")) return first;
  auto chain = std::make_unique<ArithmeticExpr>();
  chain->first = std::move(first);
  while (cursor_.TakeOperator("**")) {
    ASSIGN_OR_RETURN(ExprPtr next, Unary(/*with_filters=*/true));
    chain->rest.emplace_back(Operator::kPow, std::move(next));
  }
  return chain;
}

absl::StatusOr<ExprPtr> ExpressionParser::Unary(bool with_filters) {
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.Check());
  ExprPtr node;
  const bool minus = cursor_.IsOperator("-");
  if (minus || cursor_.IsOperator("+")) {
    cursor_.Take();
    ASSIGN_OR_RETURN(ExprPtr operand, Unary(/*with_filters=*/false));
    node = std::make_unique<UnaryExpr>(
        minus ? ExprKind::kNegate : ExprKind::kPlus, std::move(operand));
  } else {
    ASSIGN_OR_RETURN(node, Primary());
  }
  ASSIGN_OR_RETURN(node, Postfix(std::move(node)));
  if (!with_filters) return node;
  return Filters(std::move(node));
}

absl::StatusOr<ExprPtr> ExpressionParser::NamePrimary() {
  const Token token = cursor_.Take();
  if (token.text == "true" || token.text == "True") {
    return std::make_unique<LiteralExpr>(Value::Bool(true));
  }
  if (token.text == "false" || token.text == "False") {
    return std::make_unique<LiteralExpr>(Value::Bool(false));
  }
  if (token.text == "none" || token.text == "None") {
    return std::make_unique<LiteralExpr>(Value::None());
  }
  names_.CountUse(token.text);
  return std::make_unique<NameExpr>(names_.Id(token.text));
}

absl::StatusOr<ExprPtr> ExpressionParser::Number() {
  const Token token = cursor_.Take();
  if (token.kind == TokenKind::kFloat) {
    return std::make_unique<LiteralExpr>(
        Value::Float(std::strtod(token.text.c_str(), nullptr)));
  }
  std::string digits = token.text;
  int base = 10;
  if (digits.size() > 1 && !(digits[1] >= '0' && digits[1] <= '9')) {
    base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
    digits = digits.substr(2);
  }
  char* end = nullptr;
  errno = 0;
  const int64_t number = std::strtoll(digits.c_str(), &end, base);
  if (digits.empty() || *end != '\0' || errno == ERANGE) {
    return Fail("line ", token.line, ": the integer ", Clip(token.text),
                " does not fit in 64 bits");
  }
  return std::make_unique<LiteralExpr>(Value::Int(number));
}

absl::StatusOr<ExprPtr> ExpressionParser::Primary() {
  switch (cursor_.current().kind) {
    case TokenKind::kName:
      return NamePrimary();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return Number();
    case TokenKind::kString: {
      std::string text;
      while (cursor_.Is(TokenKind::kString)) text += cursor_.Take().text;
      return std::make_unique<LiteralExpr>(std::move(text));
    }
    default:
      break;
  }
  if (cursor_.TakeOperator("(")) {
    ASSIGN_OR_RETURN(ExprPtr node, MaybeTuple({.parenthesised = true}));
    RETURN_IF_ERROR(cursor_.ExpectOperator(")"));
    return node;
  }
  if (cursor_.TakeOperator("[")) return ListLiteral();
  if (cursor_.TakeOperator("{")) return DictLiteral();
  return cursor_.Unexpected("an expression");
}

absl::StatusOr<ExprPtr> ExpressionParser::ListLiteral() {
  auto list = std::make_unique<ItemsExpr>(ExprKind::kList);
  while (!cursor_.IsOperator("]")) {
    if (!list->items.empty()) {
      RETURN_IF_ERROR(cursor_.ExpectOperator(","));
      if (cursor_.IsOperator("]")) break;
    }
    ASSIGN_OR_RETURN(ExprPtr item, Expression());
    list->items.push_back(std::move(item));
  }
  RETURN_IF_ERROR(cursor_.ExpectOperator("]"));
  return list;
}

absl::StatusOr<ExprPtr> ExpressionParser::DictLiteral() {
  auto dict = std::make_unique<DictExpr>();
  while (!cursor_.IsOperator("}")) {
    if (!dict->entries.empty()) {
      RETURN_IF_ERROR(cursor_.ExpectOperator(","));
      if (cursor_.IsOperator("}")) break;
    }
    ASSIGN_OR_RETURN(ExprPtr key, Expression());
    RETURN_IF_ERROR(cursor_.ExpectOperator(":"));
    ASSIGN_OR_RETURN(ExprPtr value, Expression());
    dict->entries.emplace_back(std::move(key), std::move(value));
  }
  RETURN_IF_ERROR(cursor_.ExpectOperator("}"));
  return dict;
}

bool ExpressionParser::AtTupleEnd(std::string_view stop) const {
  return cursor_.Is(TokenKind::kVariableEnd) ||
         cursor_.Is(TokenKind::kBlockEnd) || cursor_.IsOperator(")") ||
         (!stop.empty() && cursor_.IsName(stop));
}

absl::StatusOr<ExprPtr> ExpressionParser::MaybeTuple(const TupleRules& rules) {
  auto tuple = std::make_unique<ItemsExpr>(ExprKind::kTuple);
  bool is_tuple = false;
  while (!AtTupleEnd(rules.stop)) {
    ASSIGN_OR_RETURN(ExprPtr item, rules.with_condition
                                       ? Expression()
                                       : ExpressionWithoutCondition());
    tuple->items.push_back(std::move(item));
    if (!cursor_.TakeOperator(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return tuple;
  if (!tuple->items.empty()) return std::move(tuple->items[0]);
  if (rules.parenthesised) return tuple;
  return cursor_.Unexpected("an expression");
}

absl::StatusOr<ExprPtr> ExpressionParser::Postfix(ExprPtr node) {
  for (int length = 0;; ++length) {
    RETURN_IF_ERROR(CheckChain(length, "accesses"));
    if (cursor_.TakeOperator(".")) {
      ASSIGN_OR_RETURN(node, Attribute(std::move(node)));
    } else if (cursor_.TakeOperator("[")) {
      ASSIGN_OR_RETURN(node, Subscript(std::move(node)));
    } else if (cursor_.IsOperator("(")) {
      ASSIGN_OR_RETURN(node, Call(std::move(node)));
    } else {
      return node;
    }
  }
}

absl::StatusOr<ExprPtr> ExpressionParser::Filters(ExprPtr node) {
  for (int length = 0;; ++length) {
    RETURN_IF_ERROR(CheckChain(length, "filters"));
    if (cursor_.TakeOperator("|")) {
      ASSIGN_OR_RETURN(node, Filter(std::move(node)));
    } else if (cursor_.TakeName("is")) {
      ASSIGN_OR_RETURN(node, Test(std::move(node)));
    } else if (cursor_.IsOperator("(")) {
      ASSIGN_OR_RETURN(node, Call(std::move(node)));
    } else {
      return node;
    }
  }
}

absl::StatusOr<ExprPtr> ExpressionParser::Attribute(ExprPtr object) {
  if (cursor_.Is(TokenKind::kInteger)) {
    auto item = std::make_unique<ItemExpr>();
    item->object = std::move(object);
    ASSIGN_OR_RETURN(item->index, Number());
    return item;
  }
  auto node = std::make_unique<AttributeExpr>();
  node->object = std::move(object);
  ASSIGN_OR_RETURN(std::string name, cursor_.ExpectName());
  node->name = std::make_unique<SharedString>(std::move(name));
  return node;
}

absl::StatusOr<ExprPtr> ExpressionParser::SliceRest(ExprPtr object,
                                                    ExprPtr start) {
  auto slice = std::make_unique<SliceExpr>();
  slice->object = std::move(object);
  slice->start = std::move(start);
  if (!cursor_.IsOperator("]") && !cursor_.IsOperator(":")) {
    ASSIGN_OR_RETURN(slice->stop, Expression());
  }
  if (cursor_.TakeOperator(":") && !cursor_.IsOperator("]")) {
    ASSIGN_OR_RETURN(slice->step, Expression());
  }
  RETURN_IF_ERROR(cursor_.ExpectOperator("]"));
  return slice;
}

absl::StatusOr<ExprPtr> ExpressionParser::Subscript(ExprPtr object) {
  if (cursor_.TakeOperator(":")) return SliceRest(std::move(object), nullptr);
  ASSIGN_OR_RETURN(ExprPtr index, Expression());
  if (cursor_.TakeOperator(":")) {
    return SliceRest(std::move(object), std::move(index));
  }
  if (cursor_.IsOperator(",")) {
    auto tuple = std::make_unique<ItemsExpr>(ExprKind::kTuple);
    tuple->items.push_back(std::move(index));
    while (cursor_.TakeOperator(",") && !cursor_.IsOperator("]")) {
      ASSIGN_OR_RETURN(ExprPtr item, Expression());
      tuple->items.push_back(std::move(item));
    }
    index = std::move(tuple);
  }
  RETURN_IF_ERROR(cursor_.ExpectOperator("]"));
  auto node = std::make_unique<ItemExpr>();
  node->object = std::move(object);
  node->index = std::move(index);
  return node;
}

absl::Status ExpressionParser::OneArgument(CallArguments& arguments) {
  if (cursor_.TakeOperator("*")) {
    if (arguments.star != nullptr) return cursor_.Unexpected("one *argument");
    ASSIGN_OR_RETURN(arguments.star, Expression());
    return absl::OkStatus();
  }
  if (cursor_.TakeOperator("**")) {
    if (arguments.double_star != nullptr) {
      return cursor_.Unexpected("one **argument");
    }
    ASSIGN_OR_RETURN(arguments.double_star, Expression());
    return absl::OkStatus();
  }
  if (cursor_.Is(TokenKind::kName) &&
      cursor_.next().kind == TokenKind::kOperator &&
      cursor_.next().text == "=") {
    std::string name = cursor_.Take().text;
    cursor_.Take();
    ASSIGN_OR_RETURN(ExprPtr value, Expression());
    arguments.named.emplace_back(std::move(name), std::move(value));
    return absl::OkStatus();
  }
  if (!arguments.named.empty()) return cursor_.Unexpected("a named argument");
  ASSIGN_OR_RETURN(ExprPtr value, Expression());
  arguments.positional.push_back(std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<CallArguments> ExpressionParser::Arguments() {
  RETURN_IF_ERROR(cursor_.ExpectOperator("("));
  CallArguments arguments;
  for (bool first = true; !cursor_.IsOperator(")"); first = false) {
    if (!first) {
      RETURN_IF_ERROR(cursor_.ExpectOperator(","));
      if (cursor_.IsOperator(")")) break;
    }
    RETURN_IF_ERROR(OneArgument(arguments));
  }
  RETURN_IF_ERROR(cursor_.ExpectOperator(")"));
  return arguments;
}

absl::StatusOr<ExprPtr> ExpressionParser::Call(ExprPtr callee) {
  auto call = std::make_unique<CallExpr>();
  call->callee = std::move(callee);
  ASSIGN_OR_RETURN(call->arguments, Arguments());
  return call;
}

absl::StatusOr<std::string> ExpressionParser::DottedName() {
  ASSIGN_OR_RETURN(std::string name, cursor_.ExpectName());
  while (cursor_.TakeOperator(".")) {
    ASSIGN_OR_RETURN(const std::string part, cursor_.ExpectName());
    name += "." + part;
  }
  return name;
}

absl::StatusOr<ExprPtr> ExpressionParser::Filter(ExprPtr input) {
  auto filter = std::make_unique<FilterExpr>(ExprKind::kFilter);
  filter->input = std::move(input);
  ASSIGN_OR_RETURN(filter->name, DottedName());
  filter->function = FindFilter(filter->name);
  if (cursor_.IsOperator("(")) {
    ASSIGN_OR_RETURN(filter->arguments, Arguments());
  }
  return filter;
}

absl::StatusOr<ExprPtr> ExpressionParser::HeadlessFilters() {
  ASSIGN_OR_RETURN(ExprPtr node, Filter(nullptr));
  for (int length = 0; cursor_.TakeOperator("|"); ++length) {
    RETURN_IF_ERROR(CheckChain(length, "filters"));
    ASSIGN_OR_RETURN(node, Filter(std::move(node)));
  }
  return node;
}

absl::StatusOr<ExprPtr> ExpressionParser::Test(ExprPtr input) {
  const bool negated = cursor_.TakeName("not");
  auto test = std::make_unique<FilterExpr>(ExprKind::kTest);
  test->input = std::move(input);
  ASSIGN_OR_RETURN(test->name, DottedName());
  test->function = FindTest(test->name);
  const Token& token = cursor_.current();
  const bool word = token.kind == TokenKind::kName && token.text != "else" &&
                    token.text != "or" && token.text != "and";
  if (cursor_.IsOperator("(")) {
    ASSIGN_OR_RETURN(test->arguments, Arguments());
  } else if (word || token.kind == TokenKind::kString ||
             token.kind == TokenKind::kInteger ||
             token.kind == TokenKind::kFloat || cursor_.IsOperator("[") ||
             cursor_.IsOperator("{")) {
    if (token.text == "is" && word) {
      return Fail("line ", token.line, ": tests cannot be chained with is");
    }
    ASSIGN_OR_RETURN(ExprPtr argument, Primary());
    ASSIGN_OR_RETURN(argument, Postfix(std::move(argument)));
    test->arguments.positional.push_back(std::move(argument));
  }
  if (!negated) return test;
  return std::make_unique<UnaryExpr>(ExprKind::kNot, std::move(test));
}

absl::StatusOr<Target> ExpressionParser::OneTarget() {
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.Check());
  if (cursor_.TakeOperator("(")) {
    ASSIGN_OR_RETURN(Target inner, AssignmentTarget({}));
    RETURN_IF_ERROR(cursor_.ExpectOperator(")"));
    return inner;
  }
  Target target;
  ASSIGN_OR_RETURN(target.name, cursor_.ExpectName());
  for (const std::string_view fixed :
       {"true", "True", "false", "False", "none", "None"}) {
    if (target.name == fixed) return cursor_.Unexpected("a name to assign to");
  }
  target.id = names_.Id(target.name);
  if (cursor_.TakeOperator(".")) {
    ASSIGN_OR_RETURN(target.attribute, cursor_.ExpectName());
  }
  return target;
}

absl::StatusOr<Target> ExpressionParser::AssignmentTarget(
    std::string_view stop) {
  ASSIGN_OR_RETURN(Target first, OneTarget());
  if (!cursor_.IsOperator(",")) return first;
  Target tuple;
  tuple.several.push_back(std::move(first));
  while (cursor_.TakeOperator(",")) {
    if (AtTupleEnd(stop) || cursor_.IsOperator("=")) break;
    ASSIGN_OR_RETURN(Target next, OneTarget());
    tuple.several.push_back(std::move(next));
  }
  return tuple;
}

}  // namespace sluice::tokenizer::jinja
