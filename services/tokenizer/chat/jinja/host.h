#pragma once

// What templates can call: functions, methods, macros and the loop variable.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

class Interpreter;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class HostObject : public Object {
 public:
  virtual std::string_view type_name() const = 0;
  // Undefined (with no message) when there is no such attribute.
  virtual absl::StatusOr<Value> Attribute(Interpreter& interpreter,
                                          std::string_view name) {
    return Value();
  }
  // REQUIRES: callable().
  virtual absl::StatusOr<Value> Call(Interpreter& interpreter,
                                     const Arguments& arguments) = 0;
  virtual bool callable() const { return true; }
  // What printing it says.
  virtual std::string Print() const = 0;
};

// A function of this library. `self` is what it is a method or filter of.
using Builtin = absl::StatusOr<Value> (*)(Interpreter& interpreter,
                                          const Value& self,
                                          const Arguments& arguments);

struct BuiltinEntry {
  std::string_view name;
  Builtin function;
};

// Finds a name in a table that is sorted by name.
const BuiltinEntry* FindBuiltin(const BuiltinEntry* table, size_t size,
                                std::string_view name);
template <size_t N>
const BuiltinEntry* FindBuiltin(const BuiltinEntry (&table)[N],
                                std::string_view name) {
  return FindBuiltin(table, N, name);
}

// A builtin as a value: a global function, or a method with its object.
class BuiltinObject final : public HostObject {
 public:
  BuiltinObject(const BuiltinEntry& entry, Value self)
      : entry_(entry), self_(std::move(self)) {
    Enclose(self_, *this);
  }
  std::string_view type_name() const override {
    return "builtin_function_or_method";
  }
  absl::StatusOr<Value> Call(Interpreter& interpreter,
                             const Arguments& arguments) override {
    return entry_.function(interpreter, self_, arguments);
  }
  std::string Print() const override {
    return "<built-in " + std::string(entry_.name) + ">";
  }

 private:
  const BuiltinEntry entry_;
  const Value self_;
};

// Parameters of a builtin, filled from positional and named arguments.
class Parameters {
 public:
  // Matches `arguments` with `names`; the first `required` must be there. With
  // `positional_only`, named arguments are refused as Python's C methods do.
  static absl::StatusOr<Parameters> Bind(
      std::string_view function, const std::vector<std::string_view>& names,
      size_t required, const Arguments& arguments,
      bool positional_only = false);

  bool has(size_t index) const { return values_[index] != nullptr; }
  // REQUIRES: has(index).
  const Value& operator[](size_t index) const { return *values_[index]; }

  // The value or the default when absent.
  // Errors: INVALID_ARGUMENT naming the parameter when the kind is wrong.
  absl::StatusOr<int64_t> Int(size_t index, int64_t otherwise) const;
  absl::StatusOr<Value> String(size_t index, std::string_view otherwise) const;
  bool Truth(size_t index, bool otherwise) const {
    return has(index) ? values_[index]->Truth() : otherwise;
  }

 private:
  std::string function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace sluice::tokenizer::jinja
