#pragma once

// object.name and object[key], with Jinja's fallbacks between the two.

#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// A method or attribute first, then an item of that name, then undefined.
// Errors: INVALID_ARGUMENT (object is undefined; a method that would change
// the object).
absl::StatusOr<Value> GetAttribute(Interpreter& interpreter,
                                   const Value& object, const Value& name);

// An item first, then a method or attribute of that name, then undefined.
absl::StatusOr<Value> GetItem(Interpreter& interpreter, const Value& object,
                              const Value& key);

// What Jinja's attribute= arguments take: "a.b.0", or a number.
absl::StatusOr<Value> GetPath(Interpreter& interpreter, const Value& object,
                              const Value& path);

}  // namespace sluice::tokenizer::jinja
