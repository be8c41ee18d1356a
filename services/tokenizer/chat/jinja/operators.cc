#include "services/tokenizer/chat/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/escape.h"
#include "services/tokenizer/chat/jinja/format.h"
#include "services/tokenizer/chat/jinja/search.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

std::string_view Symbol(Operator op) {
  switch (op) {
    case Operator::kAdd:
      return "+";
    case Operator::kSub:
      return "-";
    case Operator::kMul:
      return "*";
    case Operator::kDiv:
      return "/";
    case Operator::kFloorDiv:
      return "//";
    case Operator::kMod:
      return "%";
    case Operator::kPow:
      return "**";
  }
  return "?";
}

absl::Status Unsupported(Operator op, const Value& left, const Value& right) {
  if (op == Operator::kAdd && (left.is_string() || left.is_sequence())) {
    return Fail("can only concatenate ", left.TypeName(), " (not \"",
                right.TypeName(), "\") to ", left.TypeName());
  }
  return Fail("unsupported operand type(s) for ", Symbol(op), ": '",
              left.TypeName(), "' and '", right.TypeName(), "'");
}

absl::Status TooBig() {
  return Fail("the integer result does not fit in 64 bits");
}

int64_t FloorDivide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? quotient - 1 : quotient;
}

double FloorModulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

absl::StatusOr<Value> IntPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return Fail("0.0 cannot be raised to a negative power");
    return Value::Float(
        std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) {
      return TooBig();
    }
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) {
      return TooBig();
    }
  }
  return Value::Int(result);
}

absl::StatusOr<Value> IntOperation(Operator op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case Operator::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::kSub:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::kMul:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::kPow:
      return IntPower(a, b);
    case Operator::kDiv:
      if (b == 0) return Fail("division by zero");
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case Operator::kFloorDiv:
    case Operator::kMod:
      if (b == 0) return Fail("integer division or modulo by zero");
      if (b == -1)
        return IntOperation(Operator::kMul, op == Operator::kMod ? 0 : a, -1);
      result = FloorDivide(a, b);
      if (op == Operator::kMod) result = a - result * b;
      break;
  }
  if (overflow) return TooBig();
  return Value::Int(result);
}

absl::StatusOr<Value> FloatOperation(Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return Value::Float(a + b);
    case Operator::kSub:
      return Value::Float(a - b);
    case Operator::kMul:
      return Value::Float(a * b);
    case Operator::kPow:
      return Value::Float(std::pow(a, b));
    default:
      break;
  }
  if (b == 0) return Fail("float division by zero");
  if (op == Operator::kDiv) return Value::Float(a / b);
  const double rest = FloorModulo(a, b);
  if (op == Operator::kMod) return Value::Float(rest);
  const double quotient = std::round((a - rest) / b);
  return Value::Float(quotient == 0 ? std::copysign(0.0, a / b) : quotient);
}

absl::StatusOr<Value> RepeatItems(const Value& list, int64_t times,
                                  Budget& budget) {
  const std::vector<Value>& items = list.items();
  times = items.empty() ? 0 : std::max<int64_t>(times, 0);
  if (times > budget.limits().steps) return budget.Spend(times);
  RETURN_IF_ERROR(
      budget.SpendItems(times * static_cast<int64_t>(items.size())));
  std::vector<Value> repeated;
  repeated.reserve(items.size() * static_cast<size_t>(times));
  for (; times > 0; --times) {
    repeated.insert(repeated.end(), items.begin(), items.end());
  }
  return list.is(Kind::kList) ? MakeList(std::move(repeated))
                              : MakeTuple(std::move(repeated));
}

absl::StatusOr<Value> Multiply(const Value& left, const Value& right,
                               Budget& budget) {
  if (left.is_integral() && !right.is_number()) {
    return Multiply(right, left, budget);
  }
  if (right.is_integral()) {
    if (left.is_string()) {
      ASSIGN_OR_RETURN(Text text,
                       Repeat(left.text(), right.int_value(), budget));
      return Value::String(std::move(text), left.string().safe);
    }
    if (left.is_sequence()) {
      return RepeatItems(left, right.int_value(), budget);
    }
  }
  return Unsupported(Operator::kMul, left, right);
}

absl::StatusOr<Value> ConcatenateStrings(const Value& left, const Value& right,
                                         Budget& budget) {
  RETURN_IF_ERROR(
      budget.SpendBytes(left.text().extent() + right.text().extent()));
  Text joined;
  if (left.string().safe || right.string().safe) {
    ASSIGN_OR_RETURN(joined, EscapeHtml(left, budget));
    ASSIGN_OR_RETURN(const Text more, EscapeHtml(right, budget));
    RETURN_IF_ERROR(budget.SpendBytes(joined.size() + more.size()));
    joined.Append(more);
    return Value::String(std::move(joined), /*safe=*/true);
  }
  joined.Reserve(left.text().size() + right.text().size());
  joined.Append(left.text());
  joined.Append(right.text());
  return Value::String(std::move(joined));
}

absl::StatusOr<Value> ConcatenateItems(const Value& left, const Value& right,
                                       Budget& budget) {
  const size_t size = left.items().size() + right.items().size();
  RETURN_IF_ERROR(budget.SpendItems(static_cast<int64_t>(size)));
  std::vector<Value> items;
  items.reserve(size);
  items.insert(items.end(), left.items().begin(), left.items().end());
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is(Kind::kList) ? MakeList(std::move(items))
                              : MakeTuple(std::move(items));
}

// A whole number that doubles do not have equals none of them.
bool SameNumber(const Value& left, const Value& right) {
  if (left.number() != right.number()) return false;
  if (left.is(Kind::kFloat) && right.is(Kind::kFloat)) return true;
  const Value& whole = left.is_integral() ? left : right;
  constexpr double kPastInt = 9223372036854775808.0;
  return left.number() < kPastInt &&
         static_cast<int64_t>(left.number()) == whole.int_value();
}

bool EqualItems(const std::vector<Value>& left,
                const std::vector<Value>& right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), Equal);
}

bool EqualDicts(const DictObject& left, const DictObject& right) {
  if (left.size() != right.size()) return false;
  return std::all_of(left.entries().begin(), left.entries().end(),
                     [&right](const DictObject::Entry& entry) {
                       const Value* other = right.Find(entry.first);
                       return other != nullptr && Equal(entry.second, *other);
                     });
}

bool EqualRanges(const RangeObject& left, const RangeObject& right) {
  const int64_t size = left.size();
  if (size != right.size()) return false;
  return size == 0 ||
         (left.start == right.start && (size == 1 || left.step == right.step));
}

absl::StatusOr<bool> LessItems(const std::vector<Value>& left,
                               const std::vector<Value>& right) {
  const size_t common = std::min(left.size(), right.size());
  for (size_t i = 0; i < common; ++i) {
    if (!Equal(left[i], right[i])) return Less(left[i], right[i]);
  }
  return left.size() < right.size();
}

}  // namespace

absl::StatusOr<Text> Repeat(const Text& text, int64_t times, Budget& budget) {
  if (text.empty() || times <= 0) return Text();
  if (times > budget.limits().string_bytes) {
    return budget.SpendBytes(static_cast<size_t>(times));
  }
  const size_t size = text.size() * static_cast<size_t>(times);
  RETURN_IF_ERROR(budget.SpendBytes(size));
  if (text.size() == 1) {
    return Text(std::string(size, text.bytes()[0]), text.any_foreign());
  }
  // Short pieces cost more than their bytes, and marks are bytes as well.
  const size_t marks = (text.extent() - text.size()) * (size / text.size());
  RETURN_IF_ERROR(budget.Spend(times / 16));
  RETURN_IF_ERROR(budget.SpendScan(marks / 8));
  Text repeated;
  repeated.Reserve(size);
  for (; times > 0; --times) repeated.Append(text);
  return repeated;
}

absl::StatusOr<Value> Apply(Operator op, const Value& left, const Value& right,
                            Budget& budget) {
  if (left.is_undefined()) return Fail(left.undefined_message());
  if (left.is_string() && op == Operator::kMod) {
    return FormatPercent(left, right, budget);
  }
  if (right.is_undefined()) return Fail(right.undefined_message());
  if (left.is_integral() && right.is_integral()) {
    return IntOperation(op, left.int_value(), right.int_value());
  }
  if (left.is_number() && right.is_number()) {
    return FloatOperation(op, left.number(), right.number());
  }
  if (op == Operator::kMul) return Multiply(left, right, budget);
  if (op == Operator::kAdd) {
    if (left.is_string() && right.is_string()) {
      return ConcatenateStrings(left, right, budget);
    }
    if (left.is_sequence() && left.kind() == right.kind()) {
      return ConcatenateItems(left, right, budget);
    }
  }
  return Unsupported(op, left, right);
}

absl::StatusOr<Value> Negate(const Value& value) {
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (value.is_integral()) {
    return IntOperation(Operator::kSub, 0, value.int_value());
  }
  if (value.is_number()) return Value::Float(-value.number());
  return Fail("bad operand type for unary -: '", value.TypeName(), "'");
}

bool Equal(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    if (left.is_integral() && right.is_integral()) {
      return left.int_value() == right.int_value();
    }
    return SameNumber(left, right);
  }
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      return left.bytes() == right.bytes();
    case Kind::kList:
    case Kind::kTuple:
      return left.identity() == right.identity() ||
             EqualItems(left.items(), right.items());
    case Kind::kDict:
      return left.identity() == right.identity() ||
             EqualDicts(left.dict(), right.dict());
    case Kind::kRange:
      return EqualRanges(left.object_as<RangeObject>(),
                         right.object_as<RangeObject>());
    default:
      return left.identity() == right.identity();
  }
}

absl::Status PayToCompare(const Value& left, const Value& right,
                          Budget& budget) {
  return budget.SpendItems(int64_t{2} *
                           std::min(left.weight(), right.weight()));
}

absl::StatusOr<bool> Less(const Value& left, const Value& right) {
  if (left.is_undefined()) return Fail(left.undefined_message());
  if (right.is_undefined()) return Fail(right.undefined_message());
  if (left.is_integral() && right.is_integral()) {
    return left.int_value() < right.int_value();
  }
  if (left.is_number() && right.is_number()) {
    return left.number() < right.number();
  }
  if (left.is_string() && right.is_string()) {
    return left.bytes() < right.bytes();
  }
  if (left.is_sequence() && left.kind() == right.kind()) {
    return LessItems(left.items(), right.items());
  }
  return Fail("'<' not supported between instances of '", left.TypeName(),
              "' and '", right.TypeName(), "'");
}

absl::StatusOr<bool> Contains(const Value& container, const Value& needle,
                              Budget& budget) {
  if (container.is_string()) {
    if (!needle.is_string()) {
      return Fail("'in <string>' requires string as left operand, not ",
                  needle.TypeName());
    }
    RETURN_IF_ERROR(
        budget.SpendScan(container.text().size() + needle.text().size()));
    return FindFirst(container.bytes(), needle.bytes()) != std::string::npos;
  }
  if (container.is(Kind::kDict)) {
    RETURN_IF_ERROR(container.dict().PayForKey(needle, budget));
    if (!IsHashable(needle)) {
      return Fail("unhashable type: '", needle.TypeName(), "'");
    }
    return container.dict().Find(needle) != nullptr;
  }
  if (!IsIterable(container)) {
    return Fail("argument of type '", container.TypeName(),
                "' is not iterable");
  }
  if (container.is_sequence()) {
    RETURN_IF_ERROR(PayToCompare(container, container, budget));
    return std::any_of(
        container.items().begin(), container.items().end(),
        [&needle](const Value& item) { return Equal(item, needle); });
  }
  RETURN_IF_ERROR(PayToCompare(container, container, budget));
  ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(container, budget));
  return std::any_of(items.begin(), items.end(), [&needle](const Value& item) {
    return Equal(item, needle);
  });
}

absl::StatusOr<int64_t> Length(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return static_cast<int64_t>(CountCodePoints(value.bytes()));
    case Kind::kList:
    case Kind::kTuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::kDict:
      return static_cast<int64_t>(value.dict().size());
    case Kind::kRange:
      return value.object_as<RangeObject>().size();
    case Kind::kDictView:
      return static_cast<int64_t>(
          value.object_as<DictViewObject>().dict().size());
    default:
      return Fail("object of type '", value.TypeName(), "' has no len()");
  }
}

}  // namespace sluice::tokenizer::jinja
