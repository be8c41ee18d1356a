// The interpreter's expressions.

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/access.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/deeper.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/print.h"

namespace sluice::tokenizer::jinja {
namespace {

template <typename T>
const T& As(const Expr& expr) {
  return static_cast<const T&>(expr);
}

}  // namespace

absl::StatusOr<Value> Interpreter::Evaluate(const Expr& expr) {
  if (expr.kind == ExprKind::kLiteral) return As<LiteralExpr>(expr).plain;
  if (expr.kind == ExprKind::kName) return Name(As<NameExpr>(expr));
  RETURN_IF_ERROR(budget_.Spend(1));
  const Deeper deeper(*this);
  RETURN_IF_ERROR(deeper.Check());
  return EvaluateKind(expr);
}

absl::StatusOr<Value> Interpreter::EvaluateKind(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kArithmetic:
      return Arithmetic(As<ArithmeticExpr>(expr));
    case ExprKind::kConcat:
      return Concat(As<ItemsExpr>(expr));
    case ExprKind::kCompare:
      return CompareChain(As<CompareExpr>(expr));
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return AndOr(As<ItemsExpr>(expr));
    case ExprKind::kConditional:
      return Conditional(As<ConditionalExpr>(expr));
    case ExprKind::kAttribute: {
      const auto& node = As<AttributeExpr>(expr);
      ASSIGN_OR_RETURN(const Value object, Evaluate(*node.object));
      return GetAttribute(*this, object, node.name->value());
    }
    case ExprKind::kItem: {
      const auto& node = As<ItemExpr>(expr);
      ASSIGN_OR_RETURN(const Value object, Evaluate(*node.object));
      ASSIGN_OR_RETURN(const Value index, Evaluate(*node.index));
      return GetItem(*this, object, index);
    }
    case ExprKind::kSlice:
      return SliceOf(As<SliceExpr>(expr));
    case ExprKind::kCall:
      return CallOf(As<CallExpr>(expr));
    case ExprKind::kFilter:
    case ExprKind::kTest:
      return Filter(As<FilterExpr>(expr), nullptr);
    default:
      return EvaluateCompound(expr);
  }
}

absl::StatusOr<Value> Interpreter::EvaluateCompound(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kList: {
      ASSIGN_OR_RETURN(std::vector<Value> items, Items(As<ItemsExpr>(expr)));
      return MakeList(std::move(items));
    }
    case ExprKind::kTuple: {
      ASSIGN_OR_RETURN(std::vector<Value> items, Items(As<ItemsExpr>(expr)));
      return MakeTuple(std::move(items));
    }
    case ExprKind::kDict:
      return Dict(As<DictExpr>(expr));
    case ExprKind::kNot: {
      ASSIGN_OR_RETURN(const Value value,
                       Evaluate(*As<UnaryExpr>(expr).operand));
      return Value::Bool(!value.Truth());
    }
    case ExprKind::kNegate: {
      ASSIGN_OR_RETURN(const Value value,
                       Evaluate(*As<UnaryExpr>(expr).operand));
      return Negate(value);
    }
    case ExprKind::kPlus: {
      ASSIGN_OR_RETURN(const Value value,
                       Evaluate(*As<UnaryExpr>(expr).operand));
      return Apply(Operator::kAdd, Value::Int(0), value, budget_);
    }
    default:
      return Fail("an expression of an unknown kind");
  }
}

absl::StatusOr<Value> Interpreter::Name(const NameExpr& expr) {
  const Scope::Found found = scope_->Find(expr.id);
  RETURN_IF_ERROR(budget_.SpendLookup(found.looked_at));
  if (found.value != nullptr) return *found.value;
  const NameDefault& otherwise =
      program_.defaults[static_cast<size_t>(expr.id)];
  if (otherwise.global == nullptr) return otherwise.missing.value();
  return Value(Kind::kHost, new BuiltinObject(*otherwise.global, Value()));
}

absl::StatusOr<std::vector<Value>> Interpreter::Items(const ItemsExpr& expr) {
  RETURN_IF_ERROR(
      budget_.SpendItems(static_cast<int64_t>(expr.items.size()) * 2));
  std::vector<Value> items;
  items.reserve(expr.items.size());
  for (const ExprPtr& item : expr.items) {
    ASSIGN_OR_RETURN(Value value, Evaluate(*item));
    items.push_back(std::move(value));
  }
  return items;
}

absl::StatusOr<Value> Interpreter::Dict(const DictExpr& expr) {
  RETURN_IF_ERROR(
      budget_.SpendItems(static_cast<int64_t>(expr.entries.size()) * 4));
  DictBuilder dict;
  for (const auto& [key_expr, value_expr] : expr.entries) {
    ASSIGN_OR_RETURN(Value key, Evaluate(*key_expr));
    ASSIGN_OR_RETURN(Value value, Evaluate(*value_expr));
    RETURN_IF_ERROR(dict.so_far().PayForKey(key, budget_));
    if (!IsHashable(key)) {
      return Fail("unhashable type: '", key.TypeName(), "'");
    }
    dict.Set(std::move(key), std::move(value));
  }
  return dict.Build();
}

absl::StatusOr<Value> Interpreter::Arithmetic(const ArithmeticExpr& expr) {
  ASSIGN_OR_RETURN(Value value, Evaluate(*expr.first));
  if (value.is_string() && !value.string().safe && expr.rest.size() > 1 &&
      expr.rest[0].first == Operator::kAdd) {
    return JoinSum(expr, std::move(value));
  }
  for (const auto& [op, operand] : expr.rest) {
    ASSIGN_OR_RETURN(const Value right, Evaluate(*operand));
    RETURN_IF_ERROR(budget_.Spend(1));
    ASSIGN_OR_RETURN(value, Apply(op, value, right, budget_));
  }
  return value;
}

// 'a' + b + 'c' of plain strings grows one string instead of copying it at
// each step. The first operand of another type ends that.
absl::StatusOr<Value> Interpreter::JoinSum(const ArithmeticExpr& expr,
                                           Value first) {
  PaidText joined(budget_);
  RETURN_IF_ERROR(joined.Append(first.text()));
  for (size_t i = 0; i < expr.rest.size(); ++i) {
    const auto& [op, operand] = expr.rest[i];
    ASSIGN_OR_RETURN(const Value right, Evaluate(*operand));
    RETURN_IF_ERROR(budget_.Spend(1));
    if (op == Operator::kAdd && right.is_string() && !right.string().safe) {
      RETURN_IF_ERROR(joined.Append(right.text()));
      continue;
    }
    Value value = Value::String(joined.Take());
    ASSIGN_OR_RETURN(value, Apply(op, value, right, budget_));
    for (++i; i < expr.rest.size(); ++i) {
      ASSIGN_OR_RETURN(const Value next, Evaluate(*expr.rest[i].second));
      ASSIGN_OR_RETURN(value, Apply(expr.rest[i].first, value, next, budget_));
    }
    return value;
  }
  return Value::String(joined.Take());
}

absl::StatusOr<Value> Interpreter::Concat(const ItemsExpr& expr) {
  PaidText joined(budget_);
  for (const ExprPtr& item : expr.items) {
    ASSIGN_OR_RETURN(const Value value, Evaluate(*item));
    ASSIGN_OR_RETURN(const Value text, ToText(value, budget_));
    RETURN_IF_ERROR(joined.Append(text.text()));
    RETURN_IF_ERROR(budget_.Spend(1));
  }
  return Value::String(joined.Take());
}

absl::StatusOr<Value> Interpreter::AndOr(const ItemsExpr& expr) {
  const bool stop_at = expr.kind == ExprKind::kOr;
  Value value;
  for (const ExprPtr& item : expr.items) {
    ASSIGN_OR_RETURN(value, Evaluate(*item));
    if (value.Truth() == stop_at) return value;
  }
  return value;
}

absl::StatusOr<bool> Interpreter::CompareOnce(Comparison comparison,
                                              const Value& left,
                                              const Value& right) {
  RETURN_IF_ERROR(budget_.Spend(1));
  if (comparison != Comparison::kIn && comparison != Comparison::kNotIn) {
    RETURN_IF_ERROR(PayToCompare(left, right, budget_));
  }
  switch (comparison) {
    case Comparison::kEqual:
      return Equal(left, right);
    case Comparison::kNotEqual:
      return !Equal(left, right);
    case Comparison::kLess:
      return Less(left, right);
    case Comparison::kGreater:
      return Less(right, left);
    case Comparison::kLessEqual:
    case Comparison::kGreaterEqual: {
      const bool less_equal = comparison == Comparison::kLessEqual;
      ASSIGN_OR_RETURN(const bool less,
                       less_equal ? Less(left, right) : Less(right, left));
      return less || Equal(left, right);
    }
    case Comparison::kIn:
      return Contains(right, left, budget_);
    case Comparison::kNotIn: {
      ASSIGN_OR_RETURN(const bool found, Contains(right, left, budget_));
      return !found;
    }
  }
  return Fail("a comparison of an unknown kind");
}

absl::StatusOr<Value> Interpreter::CompareChain(const CompareExpr& expr) {
  ASSIGN_OR_RETURN(Value left, Evaluate(*expr.first));
  for (const auto& [comparison, operand] : expr.rest) {
    ASSIGN_OR_RETURN(Value right, Evaluate(*operand));
    ASSIGN_OR_RETURN(const bool holds, CompareOnce(comparison, left, right));
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

absl::StatusOr<Value> Interpreter::Conditional(const ConditionalExpr& expr) {
  ASSIGN_OR_RETURN(const Value condition, Evaluate(*expr.condition));
  if (condition.Truth()) return Evaluate(*expr.then);
  if (expr.otherwise != nullptr) return Evaluate(*expr.otherwise);
  return Value::Undefined(
      "the inline if-expression evaluated to false and no else section was "
      "defined");
}

absl::StatusOr<Value> Interpreter::SliceOf(const SliceExpr& expr) {
  ASSIGN_OR_RETURN(const Value object, Evaluate(*expr.object));
  SliceBounds bounds;
  if (expr.start != nullptr) {
    ASSIGN_OR_RETURN(bounds.start, Evaluate(*expr.start));
  }
  if (expr.stop != nullptr) {
    ASSIGN_OR_RETURN(bounds.stop, Evaluate(*expr.stop));
  }
  if (expr.step != nullptr) {
    ASSIGN_OR_RETURN(bounds.step, Evaluate(*expr.step));
  }
  return Slice(object, bounds, budget_);
}

absl::StatusOr<Value> Interpreter::CallOf(const CallExpr& expr) {
  ASSIGN_OR_RETURN(const Value callee, Evaluate(*expr.callee));
  ASSIGN_OR_RETURN(const Arguments arguments,
                   EvaluateArguments(expr.arguments));
  return Call(callee, arguments);
}

absl::StatusOr<Value> Interpreter::Call(const Value& callee,
                                        const Arguments& arguments) {
  RETURN_IF_ERROR(budget_.Spend(1));
  if (callee.is_undefined()) return Fail(callee.undefined_message());
  if (!callee.is(Kind::kHost) || !callee.host().callable()) {
    return Fail("'", callee.TypeName(), "' object is not callable");
  }
  const Value keep = callee;  // a macro may overwrite its own name
  return keep.host().Call(*this, arguments);
}

absl::StatusOr<Value> Interpreter::Filter(const FilterExpr& expr,
                                          const Value* head) {
  Value input;
  if (expr.input == nullptr) {
    input = *head;
  } else if (head != nullptr && expr.input->kind == ExprKind::kFilter) {
    ASSIGN_OR_RETURN(input, Filter(As<FilterExpr>(*expr.input), head));
  } else {
    ASSIGN_OR_RETURN(input, Evaluate(*expr.input));
  }
  if (expr.function == nullptr) {
    return Fail("No ", expr.kind == ExprKind::kTest ? "test" : "filter",
                " named '", expr.name, "' found.");
  }
  ASSIGN_OR_RETURN(const Arguments arguments,
                   EvaluateArguments(expr.arguments));
  return expr.function(*this, input, arguments);
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(
    const CallArguments& arguments) {
  Arguments out;
  RETURN_IF_ERROR(budget_.SpendItems(static_cast<int64_t>(
      2 * arguments.positional.size() + 4 * arguments.named.size())));
  out.positional.reserve(arguments.positional.size());
  for (const ExprPtr& argument : arguments.positional) {
    ASSIGN_OR_RETURN(Value value, Evaluate(*argument));
    out.positional.push_back(std::move(value));
  }
  for (const auto& [name, argument] : arguments.named) {
    ASSIGN_OR_RETURN(Value value, Evaluate(*argument));
    out.named.emplace_back(name, std::move(value));
  }
  RETURN_IF_ERROR(SpreadArguments(arguments, out));
  return out;
}

absl::Status Interpreter::SpreadArguments(const CallArguments& arguments,
                                          Arguments& out) {
  if (arguments.star != nullptr) {
    ASSIGN_OR_RETURN(const Value list, Evaluate(*arguments.star));
    ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(list, budget_));
    for (Value& item : items) out.positional.push_back(std::move(item));
  }
  if (arguments.double_star == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Value dict, Evaluate(*arguments.double_star));
  if (!dict.is(Kind::kDict)) return Fail("argument after ** must be a mapping");
  for (const auto& [key, value] : dict.dict().entries()) {
    if (!key.is_string()) return Fail("keywords must be strings");
    RETURN_IF_ERROR(budget_.Spend(1));
    RETURN_IF_ERROR(budget_.SpendBytes(key.bytes().size()));
    out.named.emplace_back(key.bytes(), value);
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer::jinja
