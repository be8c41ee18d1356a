#include "services/gateway/http/native_request.h"

#include <string>
#include <string_view>
#include <utility>

#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/gateway/http/chat_fields.h"
#include "services/gateway/presets/presets.h"

namespace sluice::gateway {
namespace {

constexpr std::string_view kMaxNames[] = {"max_new_tokens", "max_tokens"};
constexpr std::string_view kStopNames[] = {"stop", "stop_sequence"};

// One user message, known to the validator by the name it was written under.
absl::Status ReadPrompt(JsonFields& fields, api::ChatRequest& request) {
  std::string prompt;
  RETURN_IF_ERROR(fields.Read("prompt", prompt));
  request.messages.push_back({.role = "user", .content = std::move(prompt)});
  request.options.names.aliases.emplace_back("messages[0].content", "prompt");
  request.options.names.aliases.emplace_back("messages", "prompt");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<api::ChatRequest> ParseNativeChat(const nlohmann::json& body) {
  JsonFields fields(body, "");
  api::ChatRequest request;
  ASSIGN_OR_RETURN(
      request.options,
      ReadOptions(fields, {.max_names = kMaxNames, .stop_names = kStopNames}));
  if (request.options.preset.empty()) {
    request.options.preset = kDefaultChatPreset;
  }
  const bool has_prompt = fields.Find("prompt") != nullptr;
  const nlohmann::json* messages = fields.Find("messages");
  if (has_prompt == (messages != nullptr)) {
    return FieldError("prompt", "prompt or messages must be given",
                      has_prompt ? "both" : "neither", "one of them");
  }
  RETURN_IF_ERROR(fields.RefuseOthers());
  if (has_prompt) {
    RETURN_IF_ERROR(ReadPrompt(fields, request));
  } else {
    ASSIGN_OR_RETURN(request.messages, ReadMessages(*messages));
  }
  return request;
}

}  // namespace sluice::gateway
