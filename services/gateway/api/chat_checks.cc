#include "services/gateway/api/chat_checks.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"
#include "services/gateway/api/text_checks.h"

namespace sluice::gateway::api {
namespace {

// A text that must be JSON, and which of its fields is wrong.
absl::StatusOr<JsonDocument> ParseField(const std::string& field,
                                        const std::string& json,
                                        const Limits& limits) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::Parse(json, field, {.max_depth = limits.max_json_depth});
  if (document.ok()) return document;
  return WithField(document.status(), field);
}

absl::Status CheckJsonObject(const std::string& field, const std::string& json,
                             const Limits& limits) {
  ASSIGN_OR_RETURN(const JsonDocument document,
                   ParseField(field, json, limits));
  if (document.root().IsObject()) return absl::OkStatus();
  return FieldError(field, "is not a JSON object", Quoted(json));
}

absl::Status CheckToolName(const std::string& field, const std::string& name,
                           const Limits& limits) {
  if (name.empty())
    return FieldError(field, "is empty", "0 bytes", "1 or more");
  return CheckName(field, name, limits.max_tool_name_bytes);
}

absl::Status CheckToolCalls(const ChatMessage& message,
                            const std::string& place, const FieldNames& names,
                            const Limits& limits) {
  const std::string field = place + ".tool_calls";
  RETURN_IF_ERROR(CheckCount(names.Of(field), message.tool_calls.size(),
                             limits.max_tool_calls, "calls"));
  for (size_t i = 0; i < message.tool_calls.size(); ++i) {
    const ToolCall& call = message.tool_calls[i];
    const std::string one = absl::StrCat(field, "[", i, "]");
    RETURN_IF_ERROR(
        CheckName(names.Of(one + ".id"), call.id, limits.max_tool_name_bytes));
    RETURN_IF_ERROR(CheckToolName(names.Of(one + ".name"), call.name, limits));
    RETURN_IF_ERROR(CheckJsonObject(names.Of(one + ".arguments_json"),
                                    call.arguments_json, limits));
  }
  return absl::OkStatus();
}

// A field that only messages of one role have.
absl::Status CheckAbsent(bool absent, const std::string& field,
                         const std::string& role, std::string_view of) {
  if (absent) return absl::OkStatus();
  return FieldError(field, "has no place in a message of this role",
                    Quoted(role), of);
}

absl::Status CheckRoleFields(const ChatMessage& message,
                             const std::string& place, const FieldNames& names,
                             const Limits& limits) {
  const bool tool = message.role == "tool";
  const bool assistant = message.role == "assistant";
  const auto absent = [&](bool is, const char* field, const char* role) {
    return CheckAbsent(is, names.Of(place + field), message.role, role);
  };
  RETURN_IF_ERROR(absent(tool || message.name.empty(), ".name", "\"tool\""));
  RETURN_IF_ERROR(absent(tool || message.tool_call_id.empty(), ".tool_call_id",
                         "\"tool\""));
  RETURN_IF_ERROR(absent(assistant || message.tool_calls.empty(), ".tool_calls",
                         "\"assistant\""));
  RETURN_IF_ERROR(absent(assistant || message.reasoning.empty(), ".reasoning",
                         "\"assistant\""));
  RETURN_IF_ERROR(CheckName(names.Of(place + ".name"), message.name,
                            limits.max_tool_name_bytes));
  RETURN_IF_ERROR(CheckName(names.Of(place + ".tool_call_id"),
                            message.tool_call_id, limits.max_tool_name_bytes));
  RETURN_IF_ERROR(CheckUtf8(names.Of(place + ".reasoning"), message.reasoning));
  return CheckToolCalls(message, place, names, limits);
}

bool IsRole(std::string_view role) {
  return role == "system" || role == "user" || role == "assistant" ||
         role == "tool";
}

absl::Status CheckMessage(const ChatMessage& message, size_t index,
                          const FieldNames& names, const Limits& limits) {
  const std::string place = absl::StrCat("messages[", index, "]");
  if (!IsRole(message.role)) {
    return FieldError(names.Of(place + ".role"), "unknown role",
                      Quoted(message.role),
                      "\"system\", \"user\", \"assistant\" or \"tool\"");
  }
  const std::string field = names.Of(place + ".content");
  if (message.role == "user" && message.content.empty()) {
    return FieldError(field, "is empty", "0 bytes", "1 or more");
  }
  RETURN_IF_ERROR(CheckUtf8(field, message.content));
  return CheckRoleFields(message, place, names, limits);
}

absl::Status CheckTool(const JsonValue& tool, const std::string& field,
                       const Limits& limits) {
  if (!tool.IsObject()) return tool.Error("is not an object");
  ASSIGN_OR_RETURN(const std::string_view type, tool.GetString("type"));
  if (type != "function") {
    return tool.Error("type: is not supported, got " + Quoted(type) +
                      ", limit \"function\"");
  }
  ASSIGN_OR_RETURN(const JsonValue function, tool.Get("function"));
  ASSIGN_OR_RETURN(const std::string_view name, function.GetString("name"));
  return CheckToolName(absl::StrCat(field, ": ", function.path(), ".name"),
                       std::string(name), limits);
}

absl::Status CheckTools(const std::string& field, const std::string& json,
                        const Limits& limits) {
  ASSIGN_OR_RETURN(const JsonDocument document,
                   ParseField(field, json, limits));
  const JsonValue root = document.root();
  if (!root.IsArray()) {
    return FieldError(field, "is not a JSON array", Quoted(json));
  }
  ASSIGN_OR_RETURN(const size_t count, root.Size());
  RETURN_IF_ERROR(CheckCount(field, count, limits.max_tools, "tools"));
  const absl::Status checked = root.ForEachElement(
      [&](const JsonValue& tool) { return CheckTool(tool, field, limits); });
  return checked.ok() ? checked : WithField(checked, field);
}

}  // namespace

absl::Status CheckChatPrompt(const ChatPrompt& prompt, const FieldNames& names,
                             const Limits& limits) {
  if (prompt.messages.empty()) {
    return FieldError(names.Of("messages"), "is empty", "0 messages",
                      absl::StrCat("1 to ", limits.max_messages));
  }
  RETURN_IF_ERROR(CheckCount(names.Of("messages"), prompt.messages.size(),
                             limits.max_messages, "messages"));
  for (size_t i = 0; i < prompt.messages.size(); ++i) {
    RETURN_IF_ERROR(CheckMessage(prompt.messages[i], i, names, limits));
  }
  if (!prompt.tools_json.empty()) {
    RETURN_IF_ERROR(
        CheckTools(names.Of("tools_json"), prompt.tools_json, limits));
  }
  if (prompt.template_kwargs_json.empty()) return absl::OkStatus();
  return CheckJsonObject(names.Of("template_kwargs_json"),
                         prompt.template_kwargs_json, limits);
}

bool OffersTools(const ChatPrompt& prompt) {
  return prompt.tools_json.find_first_not_of("[] \t\r\n") != std::string::npos;
}

}  // namespace sluice::gateway::api
