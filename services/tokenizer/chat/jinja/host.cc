#include "services/tokenizer/chat/jinja/host.h"

#include <algorithm>

#include "services/tokenizer/chat/jinja/errors.h"

namespace sluice::tokenizer::jinja {
const BuiltinEntry* FindBuiltin(const BuiltinEntry* table, size_t size,
                                std::string_view name) {
  const BuiltinEntry* end = table + size;
  const BuiltinEntry* found = std::lower_bound(
      table, end, name, [](const BuiltinEntry& entry, std::string_view key) {
        return entry.name < key;
      });
  return found != end && found->name == name ? found : nullptr;
}

absl::StatusOr<Parameters> Parameters::Bind(
    std::string_view function, const std::vector<std::string_view>& names,
    size_t required, const Arguments& arguments, bool positional_only) {
  Parameters bound;
  bound.function_ = function;
  bound.names_ = names;
  bound.values_.assign(names.size(), nullptr);
  if (arguments.positional.size() > names.size()) {
    return Fail(function, "() takes at most ", names.size(), " arguments, got ",
                arguments.positional.size());
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    bound.values_[i] = &arguments.positional[i];
  }
  if (positional_only && !arguments.named.empty()) {
    return Fail(function, "() takes no keyword arguments");
  }
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      return Fail(function, "() got an unexpected keyword argument '",
                  Clip(name), "'");
    }
    const Value*& slot = bound.values_[found - names.begin()];
    if (slot != nullptr) {
      return Fail(function, "() got several values for argument '", name, "'");
    }
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (bound.values_[i] == nullptr) {
      return Fail(function, "() missing argument '", names[i], "'");
    }
  }
  return bound;
}

absl::StatusOr<int64_t> Parameters::Int(size_t index, int64_t otherwise) const {
  if (!has(index)) return otherwise;
  const Value& value = *values_[index];
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (!value.is_integral()) {
    return Fail(function_, "(): ", names_[index], " must be an integer, got ",
                value.TypeName());
  }
  return value.int_value();
}

absl::StatusOr<Value> Parameters::String(size_t index,
                                         std::string_view otherwise) const {
  if (!has(index)) return Value::Literal(std::string(otherwise));
  const Value& value = *values_[index];
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (!value.is_string()) {
    return Fail(function_, "(): ", names_[index], " must be a str, got ",
                value.TypeName());
  }
  return value;
}

}  // namespace sluice::tokenizer::jinja
