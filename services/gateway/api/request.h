#pragma once

// What both faces turn a client's bytes into. A value of these types is not
// valid until api/validator.h has said so.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "services/gateway/api/field_names.h"
#include "services/gateway/api/sampling_params.h"

namespace sluice::gateway::api {

// What a chat and a completion have in common.
struct RequestOptions {
  std::string model;       // empty: the one that is served
  std::string preset;      // empty: none
  SamplingParams params;   // win over the preset
  std::string request_id;  // empty: the pipeline draws one
  // Whose request it is: set by the face from what the operator trusts, never
  // from a field of the request. Empty: the tenant that all share.
  std::string tenant;
  bool bypass_prefix_cache = false;
  // Absent: the Generator's own limits.
  std::optional<int64_t> queue_timeout_ms;
  std::optional<int64_t> first_token_timeout_ms;
  // Time that the client allows; absent: the Gateway's own limit.
  std::optional<Nanos> timeout;
  FieldNames names;
};

// A tool that an assistant message called.
struct ToolCall {
  std::string id = {};
  std::string name = {};
  std::string arguments_json = {};  // a JSON object
};

struct ChatMessage {
  std::string role = {};
  std::string content = {};
  std::string name = {};  // of a tool, whose answer this is
  std::vector<ToolCall> tool_calls = {};
  std::string tool_call_id = {};  // the call that this answers
  std::string reasoning = {};     // what an assistant thought
};

// What the prompt of a chat is made of.
struct ChatPrompt {
  std::vector<ChatMessage> messages = {};
  std::string tools_json = {};            // a JSON array; empty: none
  std::string template_kwargs_json = {};  // a JSON object; empty: none
};

struct ChatRequest : ChatPrompt {
  RequestOptions options;
};

struct CompletionRequest {
  RequestOptions options;
  std::string prompt;
};

}  // namespace sluice::gateway::api
