#include "services/gateway/http/json_fields.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/gateway/api/validator.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

absl::Status WrongType(std::string_view field, std::string_view wanted,
                       const Json& got) {
  std::string what = "is not ";
  what.append(wanted);
  return FieldError(field, what, Describe(got), wanted);
}

absl::Status ToInteger(const std::string& field, const Json& value,
                       int64_t& out) {
  if (!value.is_number_integer()) return WrongType(field, "an integer", value);
  const bool fits =
      !value.is_number_unsigned() ||
      value.get<uint64_t>() <=
          static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!fits) {
    return FieldError(field, "out of range", Describe(value),
                      "64 bits with sign");
  }
  out = value.get<int64_t>();
  return absl::OkStatus();
}

// A name that a client made up, fit for an error message.
std::string Shown(const std::string& name) {
  std::string quoted = api::Quoted(name);
  return quoted == "\"" + name + "\"" ? name : quoted;
}

}  // namespace

std::string Describe(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Json::value_t::number_integer:
      return absl::StrCat(value.get<int64_t>());
    case Json::value_t::number_unsigned:
      return absl::StrCat(value.get<uint64_t>());
    case Json::value_t::number_float:
      return absl::StrCat(value.get<double>());
    case Json::value_t::string:
      return "the string " + api::Quoted(value.get_ref<const std::string&>());
    case Json::value_t::array:
      return "an array";
    default:
      return "an object";
  }
}

JsonFields::JsonFields(const Json& object, std::string path)
    : object_(object), path_(std::move(path)) {}

std::string JsonFields::FullName(std::string_view name) const {
  return path_ + std::string(name);
}

const Json* JsonFields::Find(std::string_view name) {
  asked_.emplace(name);
  const auto found = object_.find(std::string(name));
  if (found == object_.end() || found->is_null()) return nullptr;
  return &*found;
}

absl::Status JsonFields::Read(std::string_view name,
                              std::optional<double>& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_number()) return WrongType(FullName(name), "a number", *value);
  out = value->get<double>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name,
                              std::optional<int64_t>& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  return ToInteger(FullName(name), *value, out.emplace());
}

absl::Status JsonFields::Read(std::string_view name,
                              std::optional<uint64_t>& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_number_unsigned()) {
    return WrongType(FullName(name), "an integer of 64 bits without sign",
                     *value);
  }
  out = value->get<uint64_t>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name, std::optional<bool>& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_boolean()) {
    return WrongType(FullName(name), "true or false", *value);
  }
  out = value->get<bool>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name, std::string& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_string()) return WrongType(FullName(name), "a string", *value);
  out = value->get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name,
                              std::vector<std::string>& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (value->is_string()) {
    out = {value->get_ref<const std::string&>()};
    return absl::OkStatus();
  }
  if (!value->is_array()) {
    return WrongType(FullName(name), "a string or an array of strings", *value);
  }
  for (size_t i = 0; i < value->size(); ++i) {
    const Json& element = (*value)[i];
    if (!element.is_string()) {
      return WrongType(absl::StrCat(FullName(name), "[", i, "]"), "a string",
                       element);
    }
    out.push_back(element.get_ref<const std::string&>());
  }
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name,
                              std::vector<int64_t>& out) {
  const Json* value = Find(name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_array()) {
    return WrongType(FullName(name), "an array of integers", *value);
  }
  for (size_t i = 0; i < value->size(); ++i) {
    RETURN_IF_ERROR(ToInteger(absl::StrCat(FullName(name), "[", i, "]"),
                              (*value)[i], out.emplace_back()));
  }
  return absl::OkStatus();
}

absl::Status JsonFields::RefuseOthers(
    std::span<const std::string_view> ignored) {
  asked_.insert(ignored.begin(), ignored.end());
  for (const auto& [name, value] : object_.items()) {
    if (asked_.contains(name)) continue;
    return FieldError(FullName(Shown(name)), "is an unknown field");
  }
  return absl::OkStatus();
}

}  // namespace sluice::gateway
