#include "services/tokenizer/service/conversions.h"

#include <optional>
#include <utility>

namespace sluice::tokenizer {
namespace {

ToolCall ToToolCall(const v1::ToolCall& call) {
  return {.id = call.id(),
          .name = call.name(),
          .arguments_json = call.arguments_json()};
}

ChatMessage ToChatMessage(const v1::ChatMessage& message) {
  ChatMessage made;
  made.role = message.role();
  if (message.has_content()) made.content = message.content();
  if (message.has_name()) made.name = message.name();
  if (message.has_tool_call_id()) made.tool_call_id = message.tool_call_id();
  if (message.has_reasoning_content()) {
    made.reasoning_content = message.reasoning_content();
  }
  for (const v1::ToolCall& call : message.tool_calls()) {
    made.tool_calls.push_back(ToToolCall(call));
  }
  return made;
}

}  // namespace

EncodeOptions ToEncodeOptions(const v1::TokenizeRequest& request) {
  EncodeOptions options;
  if (request.has_add_special_tokens()) {
    options.add_special_tokens = request.add_special_tokens();
  }
  if (request.has_parse_special()) {
    options.parse_special = request.parse_special();
  }
  return options;
}

ChatInput ToChatInput(const v1::RenderChatRequest& request) {
  ChatInput input;
  input.messages.reserve(request.messages_size());
  for (const v1::ChatMessage& message : request.messages()) {
    input.messages.push_back(ToChatMessage(message));
  }
  if (request.has_add_generation_prompt()) {
    input.add_generation_prompt = request.add_generation_prompt();
  }
  input.tools_json = request.tools_json();
  input.kwargs_json = request.template_kwargs_json();
  input.template_name = request.template_name();
  return input;
}

void FillEncoding(const Encoding& encoding, v1::TokenizeResponse& response) {
  response.mutable_ids()->Add(encoding.ids.begin(), encoding.ids.end());
  response.mutable_offsets()->Reserve(
      static_cast<int>(encoding.offsets.size()));
  for (const ByteOffset& offset : encoding.offsets) {
    v1::Offset& out = *response.add_offsets();
    out.set_begin(offset.begin);
    out.set_end(offset.end);
  }
}

}  // namespace sluice::tokenizer
