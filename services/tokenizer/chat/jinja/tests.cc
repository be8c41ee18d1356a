// What may stand behind "is".

#include <unicode/uchar.h>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/operators.h"
#include "services/tokenizer/chat/jinja/print.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// Tests of the value alone.
template <bool (*kHolds)(const Value&)>
Result Plain(Interpreter&, const Value& value, const Arguments& a) {
  RETURN_IF_ERROR(Parameters::Bind("test", {}, 0, a).status());
  return Value::Bool(kHolds(value));
}

bool IsDefined(const Value& v) { return !v.is_undefined(); }
bool IsUndefined(const Value& v) { return v.is_undefined(); }
bool IsNone(const Value& v) { return v.is_none(); }
bool IsBoolean(const Value& v) { return v.is(Kind::kBool); }
bool IsTrue(const Value& v) { return v.is(Kind::kBool) && v.bool_value(); }
bool IsFalse(const Value& v) { return v.is(Kind::kBool) && !v.bool_value(); }
bool IsInteger(const Value& v) { return v.is(Kind::kInt); }
bool IsFloat(const Value& v) { return v.is(Kind::kFloat); }
bool IsNumber(const Value& v) { return v.is_number(); }
bool IsStringValue(const Value& v) { return v.is_string(); }
bool IsMapping(const Value& v) { return v.is(Kind::kDict); }
bool IsEscaped(const Value& v) { return v.is_string() && v.string().safe; }
bool IsSequence(const Value& v) {
  return v.is_string() || v.is_sequence() || v.is(Kind::kDict) ||
         v.is(Kind::kRange) || v.is_undefined();
}
bool IsCallable(const Value& v) {
  return v.is_undefined() || (v.is(Kind::kHost) && v.host().callable());
}

enum class Relation { kEq, kNe, kLt, kLe, kGt, kGe };

template <Relation kRelation>
Result Related(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("test", {"other"}, 1, a));
  const Value& other = parameters[0];
  RETURN_IF_ERROR(i.budget().Spend(1));
  RETURN_IF_ERROR(PayToCompare(value, other, i.budget()));
  if (kRelation == Relation::kEq) return Value::Bool(Equal(value, other));
  if (kRelation == Relation::kNe) return Value::Bool(!Equal(value, other));
  const bool forward = kRelation == Relation::kLt || kRelation == Relation::kLe;
  ASSIGN_OR_RETURN(const bool less,
                   forward ? Less(value, other) : Less(other, value));
  const bool or_equal =
      kRelation == Relation::kLe || kRelation == Relation::kGe;
  return Value::Bool(less || (or_equal && Equal(value, other)));
}

Result In(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("test in", {"seq"}, 1, a));
  ASSIGN_OR_RETURN(const bool found,
                   Contains(parameters[0], value, i.budget()));
  return Value::Bool(found);
}

Result SameAs(Interpreter&, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("test sameas", {"other"}, 1, a));
  const Value& other = parameters[0];
  if (value.kind() != other.kind()) return Value::Bool(false);
  if (value.identity() == nullptr) return Value::Bool(Equal(value, other));
  return Value::Bool(value.identity() == other.identity());
}

Result DivisibleBy(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("test divisibleby", {"num"}, 1, a));
  ASSIGN_OR_RETURN(const Value rest,
                   Apply(Operator::kMod, value, parameters[0], i.budget()));
  return Value::Bool(Equal(rest, Value::Int(0)));
}

template <int kRest>
Result Parity(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value rest,
                   Apply(Operator::kMod, value, Value::Int(2), i.budget()));
  return Value::Bool(Equal(rest, Value::Int(kRest)));
}

Result IsIterableTest(Interpreter&, const Value& value, const Arguments& a) {
  return Value::Bool(IsIterable(value));
}

// str(value).islower() and its sister.
Result HasCase(Interpreter& i, const Value& value, std::string_view method) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  return FindStringMethod(method)->function(i, text, {});
}
Result IsLower(Interpreter& i, const Value& value, const Arguments& a) {
  return HasCase(i, value, "islower");
}
Result IsUpper(Interpreter& i, const Value& value, const Arguments& a) {
  return HasCase(i, value, "isupper");
}

Result IsFilterName(Interpreter&, const Value& value, const Arguments& a) {
  return Value::Bool(value.is_string() && FindFilter(value.bytes()) != nullptr);
}
Result IsTestName(Interpreter&, const Value& value, const Arguments& a) {
  return Value::Bool(value.is_string() && FindTest(value.bytes()) != nullptr);
}

constexpr BuiltinEntry kTests[] = {
    {"!=", Related<Relation::kNe>},
    {"<", Related<Relation::kLt>},
    {"<=", Related<Relation::kLe>},
    {"==", Related<Relation::kEq>},
    {">", Related<Relation::kGt>},
    {">=", Related<Relation::kGe>},
    {"boolean", Plain<IsBoolean>},
    {"callable", Plain<IsCallable>},
    {"defined", Plain<IsDefined>},
    {"divisibleby", DivisibleBy},
    {"eq", Related<Relation::kEq>},
    {"equalto", Related<Relation::kEq>},
    {"escaped", Plain<IsEscaped>},
    {"even", Parity<0>},
    {"false", Plain<IsFalse>},
    {"filter", IsFilterName},
    {"float", Plain<IsFloat>},
    {"ge", Related<Relation::kGe>},
    {"greaterthan", Related<Relation::kGt>},
    {"gt", Related<Relation::kGt>},
    {"in", In},
    {"integer", Plain<IsInteger>},
    {"iterable", IsIterableTest},
    {"le", Related<Relation::kLe>},
    {"lessthan", Related<Relation::kLt>},
    {"lower", IsLower},
    {"lt", Related<Relation::kLt>},
    {"mapping", Plain<IsMapping>},
    {"ne", Related<Relation::kNe>},
    {"none", Plain<IsNone>},
    {"number", Plain<IsNumber>},
    {"odd", Parity<1>},
    {"sameas", SameAs},
    {"sequence", Plain<IsSequence>},
    {"string", Plain<IsStringValue>},
    {"test", IsTestName},
    {"true", Plain<IsTrue>},
    {"undefined", Plain<IsUndefined>},
    {"upper", IsUpper},
};

}  // namespace

Builtin FindTest(std::string_view name) {
  const BuiltinEntry* entry = FindBuiltin(kTests, name);
  return entry == nullptr ? nullptr : entry->function;
}

}  // namespace sluice::tokenizer::jinja
