#pragma once

// The values of a template: Python's, as far as templates can see them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/text.h"

namespace sluice::tokenizer::jinja {

enum class Kind : uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kRange,
  kIterator,  // a Python generator: can be walked once
  kDictView,  // dict.keys(), .values(), .items()
  kNamespace,
  kHost,  // functions, macros, methods, loop
};

// Anything that lives on the heap. Counted without atomics: a value belongs to
// one render. `shared` objects belong to a template, outlive every render and
// are not counted, so renders on many threads may read them.
class Object {
 public:
  virtual ~Object() = default;

  uint32_t references = 0;
  bool shared = false;
  // 1 + the deepest child. Bounded where containers are made, so that walking
  // and destroying a value never recurse deeper.
  uint16_t depth = 0;
  // How many values lie inside, counted as often as they are reached; a string
  // counts one for each 64 bytes of Text::extent(). What walks a value is
  // charged for this.
  uint32_t weight = 1;
};

class StringObject final : public Object {
 public:
  explicit StringObject(Text text, bool safe = false)
      : text(std::move(text)), safe(safe) {
    weight = static_cast<uint32_t>(1 + this->text.extent() / 64);
  }
  const Text text;
  const bool safe;  // markupsafe.Markup: escaping leaves it alone
};

class ListObject;
class DictObject;
class HostObject;

class Value {
 public:
  Value() : kind_(Kind::kUndefined) { payload_.object = nullptr; }
  Value(const Value& other) : kind_(other.kind_), payload_(other.payload_) {
    Retain();
  }
  Value(Value&& other) noexcept : kind_(other.kind_), payload_(other.payload_) {
    other.kind_ = Kind::kUndefined;
    other.payload_.object = nullptr;
  }
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(payload_, other.payload_);
    return *this;
  }
  ~Value() { Release(); }

  static Value None() { return Value(Kind::kNone); }
  static Value Bool(bool value);
  static Value Int(int64_t value);
  static Value Float(double value);
  static Value String(Text text, bool safe = false);
  static Value Literal(std::string text) {
    return String(Text(std::move(text)));
  }
  // `message` is what using the value will say.
  static Value Undefined(std::string message);
  // As above, for an object of a type that has no such attribute. The message
  // is made only when somebody asks. REQUIRES: owner is a literal.
  static Value NoAttribute(std::string_view owner, Value name);
  // Takes part in the count of `object`.
  Value(Kind kind, Object* object) : kind_(kind) {
    payload_.object = object;
    Retain();
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_none() const { return kind_ == Kind::kNone; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_sequence() const {
    return kind_ == Kind::kList || kind_ == Kind::kTuple;
  }
  bool is_integral() const {
    return kind_ == Kind::kInt || kind_ == Kind::kBool;
  }
  bool is_number() const { return is_integral() || kind_ == Kind::kFloat; }

  // REQUIRES: the kind that the name says.
  bool bool_value() const { return payload_.integer != 0; }
  int64_t int_value() const { return payload_.integer; }  // also of a bool
  double number() const {
    return kind_ == Kind::kFloat ? payload_.real
                                 : static_cast<double>(payload_.integer);
  }
  const Text& text() const { return string().text; }
  const std::string& bytes() const { return string().text.bytes(); }
  const StringObject& string() const {
    return static_cast<const StringObject&>(*payload_.object);
  }
  // A list's or a tuple's.
  const std::vector<Value>& items() const;
  const DictObject& dict() const;
  HostObject& host() const;
  template <typename T>
  T& object_as() const {
    return static_cast<T&>(*payload_.object);
  }
  // What using an undefined value says.
  std::string undefined_message() const;

  bool Truth() const;
  // Python's type(x).__name__.
  std::string_view TypeName() const;
  // 0 for plain values.
  uint16_t depth() const { return HasObject() ? payload_.object->depth : 0; }
  uint32_t weight() const { return HasObject() ? payload_.object->weight : 1; }
  const Object* identity() const {
    return HasObject() ? payload_.object : nullptr;
  }

 private:
  union Payload {
    int64_t integer;
    double real;
    Object* object;
  };

  explicit Value(Kind kind) : kind_(kind) { payload_.object = nullptr; }
  bool HasObject() const {
    return (kind_ >= Kind::kString || kind_ == Kind::kUndefined) &&
           payload_.object != nullptr;
  }
  void Retain() const {
    if (HasObject() && !payload_.object->shared) ++payload_.object->references;
  }
  void Release() {
    if (HasObject() && !payload_.object->shared &&
        --payload_.object->references == 0) {
      delete payload_.object;
    }
  }

  Kind kind_;
  Payload payload_;
};

// What is not there, and why.
class UndefinedObject final : public Object {
 public:
  explicit UndefinedObject(std::string message)
      : message_(std::move(message)) {}
  UndefinedObject(std::string_view owner, Value name)
      : owner_(owner), name_(std::move(name)) {}
  std::string message() const;

 private:
  const std::string message_;
  const std::string_view owner_;
  const Value name_;
};

// A list or a tuple; never changed once made.
class ListObject final : public Object {
 public:
  explicit ListObject(std::vector<Value> items);
  const std::vector<Value> items;
};

// range(): never unrolled.
class RangeObject final : public Object {
 public:
  RangeObject(int64_t start, int64_t stop, int64_t step)
      : start(start), stop(stop), step(step) {}
  int64_t size() const;
  int64_t at(int64_t index) const { return start + index * step; }
  const int64_t start, stop, step;
};

// A generator whose values are known; each can be taken once.
class IteratorObject final : public Object {
 public:
  explicit IteratorObject(std::vector<Value> items);
  const std::vector<Value> items;
  size_t next = 0;
};

// How deep values may nest and how much may lie inside one; JSON input is far
// below both.
inline constexpr uint16_t kMaxValueDepth = 64;
inline constexpr uint32_t kMaxValueWeight = 1 << 23;

// Errors: RESOURCE_EXHAUSTED when the result would pass one of these limits.
absl::StatusOr<Value> MakeList(std::vector<Value> items);
absl::StatusOr<Value> MakeTuple(std::vector<Value> items);
absl::StatusOr<Value> MakeIterator(std::vector<Value> items);
absl::Status CheckExtent(const Object& object);

// Lets the parent's depth and weight take a child into account.
void Enclose(const Value& child, Object& parent);

// Keep what many renders share; see Object::shared.
class SharedString {
 public:
  explicit SharedString(std::string text)
      : object_(std::make_unique<StringObject>(Text(std::move(text)))) {
    object_->shared = true;
  }
  Value value() const { return Value(Kind::kString, object_.get()); }

 private:
  std::unique_ptr<StringObject> object_;
};
class SharedUndefined {
 public:
  explicit SharedUndefined(std::string message)
      : object_(std::make_unique<UndefinedObject>(std::move(message))) {
    object_->shared = true;
  }
  Value value() const { return Value(Kind::kUndefined, object_.get()); }

 private:
  std::unique_ptr<UndefinedObject> object_;
};

}  // namespace sluice::tokenizer::jinja
