#include "services/tokenizer/chat/jinja/value.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/host.h"

namespace sluice::tokenizer::jinja {
namespace {

template <typename T>
absl::StatusOr<Value> Make(Kind kind, std::vector<Value> items) {
  auto object = std::make_unique<T>(std::move(items));
  if (absl::Status fits = CheckExtent(*object); !fits.ok()) return fits;
  return Value(kind, object.release());
}

}  // namespace

ListObject::ListObject(std::vector<Value> values) : items(std::move(values)) {
  for (const Value& item : items) Enclose(item, *this);
}

IteratorObject::IteratorObject(std::vector<Value> values)
    : items(std::move(values)) {
  for (const Value& item : items) Enclose(item, *this);
}

int64_t RangeObject::size() const {
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

void Enclose(const Value& child, Object& parent) {
  parent.depth =
      std::max(parent.depth, static_cast<uint16_t>(child.depth() + 1));
  parent.weight = std::min(parent.weight + child.weight(), kMaxValueWeight + 1);
}

absl::Status CheckExtent(const Object& object) {
  if (object.depth > kMaxValueDepth) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "values nest ", object.depth, " levels deep, limit ", kMaxValueDepth));
  }
  if (object.weight > kMaxValueWeight) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a value holds too many others, limit ", kMaxValueWeight));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> MakeList(std::vector<Value> items) {
  return Make<ListObject>(Kind::kList, std::move(items));
}

absl::StatusOr<Value> MakeTuple(std::vector<Value> items) {
  return Make<ListObject>(Kind::kTuple, std::move(items));
}

absl::StatusOr<Value> MakeIterator(std::vector<Value> items) {
  return Make<IteratorObject>(Kind::kIterator, std::move(items));
}

Value Value::Bool(bool value) {
  Value result(Kind::kBool);
  result.payload_.integer = value ? 1 : 0;
  return result;
}

Value Value::Int(int64_t value) {
  Value result(Kind::kInt);
  result.payload_.integer = value;
  return result;
}

Value Value::Float(double value) {
  Value result(Kind::kFloat);
  result.payload_.real = value;
  return result;
}

Value Value::String(Text text, bool safe) {
  return Value(Kind::kString, new StringObject(std::move(text), safe));
}

Value Value::Undefined(std::string message) {
  return Value(Kind::kUndefined, new UndefinedObject(std::move(message)));
}

Value Value::NoAttribute(std::string_view owner, Value name) {
  return Value(Kind::kUndefined, new UndefinedObject(owner, std::move(name)));
}

std::string UndefinedObject::message() const {
  if (!name_.is_string()) return message_;
  const std::string owner =
      owner_ == "NoneType" ? "None" : std::string(owner_) + " object";
  return "'" + owner + "' has no attribute '" + Clip(name_.bytes()) + "'";
}

const std::vector<Value>& Value::items() const {
  return object_as<ListObject>().items;
}

const DictObject& Value::dict() const { return object_as<DictObject>(); }

HostObject& Value::host() const { return object_as<HostObject>(); }

std::string Value::undefined_message() const {
  return HasObject() ? object_as<UndefinedObject>().message()
                     : "value is undefined";
}

bool Value::Truth() const {
  switch (kind_) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return payload_.integer != 0;
    case Kind::kFloat:
      return payload_.real != 0;
    case Kind::kString:
      return !text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !items().empty();
    case Kind::kDict:
      return dict().size() != 0;
    case Kind::kRange:
      return object_as<RangeObject>().size() != 0;
    case Kind::kDictView:
      return object_as<DictViewObject>().dict().size() != 0;
    case Kind::kIterator:
    case Kind::kNamespace:
    case Kind::kHost:
      return true;
  }
  return false;
}

std::string_view Value::TypeName() const {
  switch (kind_) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return string().safe ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kRange:
      return "range";
    case Kind::kIterator:
      return "generator";
    case Kind::kDictView:
      return object_as<DictViewObject>().type_name();
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kHost:
      return host().type_name();
  }
  return "object";
}

}  // namespace sluice::tokenizer::jinja
