#include "services/tokenizer/chat/message_values.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer {
namespace {

using jinja::DictBuilder;
using jinja::Text;
using jinja::Value;

constexpr std::string_view kKeyNames[] = {
    "role",     "content",   "name", "tool_calls", "tool_call_id",
    "function", "arguments", "id",   "type",       "reasoning_content",
};

constexpr std::string_view kKnownRoles[] = {
    "system", "developer", "user", "assistant", "tool", "function"};

absl::Status CheckText(std::string_view field, const std::string& text) {
  if (jinja::IsValidUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      absl::string_view(field.data(), field.size()), ": not valid UTF-8"));
}

Value Foreign(const std::string& text) {
  return Value::String(Text(text, /*foreign=*/true));
}

Value RoleValue(const std::string& role) {
  const bool known = std::find(std::begin(kKnownRoles), std::end(kKnownRoles),
                               role) != std::end(kKnownRoles);
  return Value::String(Text(role, /*foreign=*/!known));
}

// Makes the values of one chat.
class Converter {
 public:
  Converter(const MessageKeys& keys, const TemplateHabits& habits,
            int max_json_depth)
      : keys_(keys), habits_(habits), max_json_depth_(max_json_depth) {}

  absl::StatusOr<Value> Message(const ChatMessage& message,
                                const std::string& field) const {
    RETURN_IF_ERROR(CheckText(field + ".role", message.role));
    DictBuilder dict;
    dict.Set(keys_["role"], RoleValue(message.role));
    RETURN_IF_ERROR(SetContent(message, field, dict));
    RETURN_IF_ERROR(SetOptional("name", message.name, field, dict));
    RETURN_IF_ERROR(
        SetOptional("tool_call_id", message.tool_call_id, field, dict));
    RETURN_IF_ERROR(SetOptional("reasoning_content", message.reasoning_content,
                                field, dict));
    if (!message.tool_calls.empty()) {
      ASSIGN_OR_RETURN(Value calls, ToolCalls(message.tool_calls, field));
      dict.Set(keys_["tool_calls"], std::move(calls));
    }
    return dict.Build();
  }

 private:
  absl::Status SetContent(const ChatMessage& message, const std::string& field,
                          DictBuilder& dict) const {
    if (message.content.has_value()) {
      RETURN_IF_ERROR(CheckText(field + ".content", *message.content));
      dict.Set(keys_["content"], Foreign(*message.content));
    } else if (habits_.content_may_be_none && !message.tool_calls.empty()) {
      dict.Set(keys_["content"], Value::None());
    } else {
      dict.Set(keys_["content"], Value::Literal(""));
    }
    return absl::OkStatus();
  }

  absl::Status SetOptional(std::string_view name,
                           const std::optional<std::string>& text,
                           const std::string& field, DictBuilder& dict) const {
    if (!text.has_value()) return absl::OkStatus();
    RETURN_IF_ERROR(CheckText(field + "." + std::string(name), *text));
    dict.Set(keys_[name], Foreign(*text));
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Arguments(const ToolCall& call,
                                  const std::string& field) const {
    RETURN_IF_ERROR(CheckText(field, call.arguments_json));
    const std::string& json =
        call.arguments_json.empty() ? kNoArguments : call.arguments_json;
    absl::StatusOr<Value> parsed =
        jinja::ParseJson(json, {.max_depth = max_json_depth_});
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": ", parsed.status().message()));
    }
    if (!parsed->is(jinja::Kind::kDict)) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": must be a JSON object"));
    }
    return habits_.arguments_as_text ? Foreign(json) : *parsed;
  }

  absl::StatusOr<Value> ToolCalls(const std::vector<ToolCall>& calls,
                                  const std::string& message) const {
    std::vector<Value> values;
    for (size_t i = 0; i < calls.size(); ++i) {
      const std::string field = absl::StrCat(message, ".tool_calls[", i, "]");
      RETURN_IF_ERROR(CheckText(field + ".name", calls[i].name));
      RETURN_IF_ERROR(CheckText(field + ".id", calls[i].id));
      ASSIGN_OR_RETURN(Value arguments,
                       Arguments(calls[i], field + ".arguments_json"));
      DictBuilder function;
      function.Set(keys_["name"], Foreign(calls[i].name));
      function.Set(keys_["arguments"], std::move(arguments));
      ASSIGN_OR_RETURN(Value built, function.Build());
      DictBuilder call;
      if (!calls[i].id.empty()) call.Set(keys_["id"], Foreign(calls[i].id));
      call.Set(keys_["type"], keys_["function"]);
      call.Set(keys_["function"], std::move(built));
      ASSIGN_OR_RETURN(Value value, call.Build());
      values.push_back(std::move(value));
    }
    return jinja::MakeList(std::move(values));
  }

  static inline const std::string kNoArguments = "{}";

  const MessageKeys& keys_;
  const TemplateHabits& habits_;
  const int max_json_depth_;
};

}  // namespace

MessageKeys::MessageKeys() {
  for (const std::string_view name : kKeyNames) {
    keys_.emplace_back(std::string(name));
  }
}

jinja::Value MessageKeys::operator[](std::string_view name) const {
  const auto found =
      std::find(std::begin(kKeyNames), std::end(kKeyNames), name);
  SLUICE_CHECK(found != std::end(kKeyNames), "not a key of a message");
  return keys_[static_cast<size_t>(found - std::begin(kKeyNames))].value();
}

absl::StatusOr<Value> MessagesToValue(const std::vector<ChatMessage>& messages,
                                      const MessageKeys& keys,
                                      const TemplateHabits& habits,
                                      int max_json_depth) {
  const Converter converter(keys, habits, max_json_depth);
  std::vector<Value> values;
  values.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    ASSIGN_OR_RETURN(
        Value value,
        converter.Message(messages[i], absl::StrCat("messages[", i, "]")));
    values.push_back(std::move(value));
  }
  return jinja::MakeList(std::move(values));
}

}  // namespace sluice::tokenizer
