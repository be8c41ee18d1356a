#include "services/tokenizer/chat/chat_checks.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/json.h"

namespace sluice::tokenizer {
namespace {

using jinja::Value;

int64_t BytesOf(const ChatMessage& message) {
  size_t bytes = message.role.size() + message.content.value_or("").size() +
                 message.name.value_or("").size() +
                 message.tool_call_id.value_or("").size() +
                 message.reasoning_content.value_or("").size();
  for (const ToolCall& call : message.tool_calls) {
    bytes += call.id.size() + call.name.size() + call.arguments_json.size();
  }
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<Value> ParseField(const std::string& field,
                                 const std::string& json,
                                 const ChatRendererOptions& options) {
  absl::StatusOr<Value> value =
      jinja::ParseJson(json, {.max_depth = options.max_json_depth});
  if (value.ok()) return value;
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value.status().message()));
}

}  // namespace

absl::Status CheckChatSize(const ChatInput& input,
                           const ChatRendererOptions& options) {
  if (input.messages.empty()) {
    return absl::InvalidArgumentError(
        "messages: none given, got 0, limit at least 1");
  }
  const size_t count = input.messages.size();
  if (count > static_cast<size_t>(options.max_messages)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "messages: too many, got ", count, ", limit ", options.max_messages));
  }
  auto bytes =
      static_cast<int64_t>(input.tools_json.size() + input.kwargs_json.size());
  for (const ChatMessage& message : input.messages) bytes += BytesOf(message);
  if (bytes <= options.max_input_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("messages: too long, got ",
                                                 bytes, " bytes, limit ",
                                                 options.max_input_bytes));
}

absl::StatusOr<Value> ParseTools(const std::string& json,
                                 const ChatRendererOptions& options) {
  if (json.empty()) return Value::None();
  ASSIGN_OR_RETURN(Value tools, ParseField("tools_json", json, options));
  if (tools.is_none()) return tools;
  if (!tools.is(jinja::Kind::kList)) {
    return absl::InvalidArgumentError("tools_json: must be a JSON array");
  }
  return tools.items().empty() ? Value::None() : tools;
}

absl::StatusOr<Value> ParseKwargs(const std::string& json,
                                  const ChatRendererOptions& options) {
  if (json.empty()) return Value::None();
  ASSIGN_OR_RETURN(Value kwargs,
                   ParseField("template_kwargs_json", json, options));
  if (!kwargs.is(jinja::Kind::kDict)) {
    return absl::InvalidArgumentError(
        "template_kwargs_json: must be a JSON object");
  }
  const std::vector<std::string>& allowed = options.allowed_kwargs;
  for (const auto& [name, value] : kwargs.dict().entries()) {
    if (std::find(allowed.begin(), allowed.end(), name.bytes()) ==
        allowed.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "template_kwargs_json: unknown name, got \"", name.bytes(), "\""));
    }
  }
  return kwargs;
}

}  // namespace sluice::tokenizer
