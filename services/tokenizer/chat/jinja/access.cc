#include "services/tokenizer/chat/jinja/access.h"

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/namespace.h"
#include "services/tokenizer/chat/jinja/operators.h"
#include "services/tokenizer/chat/jinja/print.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

absl::StatusOr<Value> NoItem(const Value& object, const Value& key,
                             Budget& budget) {
  if (key.is_string()) return Value::NoAttribute(object.TypeName(), key);
  ASSIGN_OR_RETURN(const Text name, Repr(key, budget));
  const std::string owner =
      object.is_none() ? "None" : std::string(object.TypeName()) + " object";
  return Value::Undefined(owner + " has no element " + Clip(name.bytes()));
}

// An attribute in Python's sense; undefined without a message when absent.
absl::StatusOr<Value> OwnAttribute(Interpreter& interpreter,
                                   const Value& object, std::string_view name) {
  if (object.is(Kind::kNamespace)) {
    const Value* found =
        object.object_as<NamespaceObject>().attributes().Find(name);
    return found == nullptr ? Value() : *found;
  }
  if (object.is(Kind::kHost)) {
    return object.host().Attribute(interpreter, name);
  }
  if (const BuiltinEntry* method = FindMethod(object, name)) {
    return Value(Kind::kHost, new BuiltinObject(*method, object));
  }
  if (IsMutatingMethod(object, name)) {
    return Fail("access to attribute '", name, "' of '", object.TypeName(),
                "' object is unsafe");
  }
  return Value();
}

absl::StatusOr<Value> ItemAt(const Value& object, int64_t index) {
  ASSIGN_OR_RETURN(const int64_t length, Length(object));
  if (index < 0) index += length;
  if (index < 0 || index >= length) return Value();
  if (object.is(Kind::kRange)) {
    return Value::Int(object.object_as<RangeObject>().at(index));
  }
  if (object.is_sequence()) return object.items()[static_cast<size_t>(index)];
  const Text& text = object.text();
  const size_t begin =
      OffsetOfCodePoint(text.bytes(), static_cast<size_t>(index));
  return Value::String(
      text.Slice(begin, begin + CodePointBytes(text.bytes(), begin)),
      object.string().safe);
}

// An item; undefined without a message when absent.
absl::StatusOr<Value> OwnItem(const Value& object, const Value& key,
                              Budget& budget) {
  switch (object.kind()) {
    case Kind::kDict: {
      RETURN_IF_ERROR(object.dict().PayForKey(key, budget));
      if (!IsHashable(key)) return Value();
      const Value* found = object.dict().Find(key);
      return found == nullptr ? Value() : *found;
    }
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
      if (!key.is_integral()) return Value();
      if (object.is_string()) {
        RETURN_IF_ERROR(budget.SpendBytes(object.bytes().size()));
      }
      return ItemAt(object, key.int_value());
    default:
      return Value();
  }
}

bool Found(const Value& value) {
  return !value.is_undefined() || value.identity() != nullptr;
}

}  // namespace

absl::StatusOr<Value> GetAttribute(Interpreter& interpreter,
                                   const Value& object, const Value& name) {
  if (object.is_undefined()) return Fail(object.undefined_message());
  ASSIGN_OR_RETURN(Value own, OwnAttribute(interpreter, object, name.bytes()));
  if (Found(own)) return own;
  if (object.is(Kind::kDict)) {
    RETURN_IF_ERROR(object.dict().PayForKey(name, interpreter.budget()));
    if (const Value* item = object.dict().Find(name)) return *item;
  }
  return Value::NoAttribute(object.TypeName(), name);
}

absl::StatusOr<Value> GetItem(Interpreter& interpreter, const Value& object,
                              const Value& key) {
  if (object.is_undefined()) return Fail(object.undefined_message());
  Budget& budget = interpreter.budget();
  ASSIGN_OR_RETURN(Value item, OwnItem(object, key, budget));
  if (Found(item)) return item;
  if (key.is_string()) {
    ASSIGN_OR_RETURN(Value own, OwnAttribute(interpreter, object, key.bytes()));
    if (Found(own)) return own;
  }
  return NoItem(object, key, budget);
}

absl::StatusOr<Value> GetPath(Interpreter& interpreter, const Value& object,
                              const Value& path) {
  if (!path.is_string()) return GetItem(interpreter, object, path);
  Budget& budget = interpreter.budget();
  RETURN_IF_ERROR(budget.SpendScan(path.bytes().size()));
  Value at = object;
  std::string_view rest = path.bytes();
  while (true) {
    RETURN_IF_ERROR(budget.Spend(2));
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool digits =
        !part.empty() && part.size() < 10 &&
        part.find_first_not_of("0123456789") == std::string_view::npos;
    const Value key = digits ? Value::Int(std::stoll(std::string(part)))
                             : Value::Literal(std::string(part));
    ASSIGN_OR_RETURN(at, GetItem(interpreter, at, key));
    if (dot == std::string_view::npos) return at;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace sluice::tokenizer::jinja
