#pragma once

// What both faces turn a client's bytes into. A value of these types is not
// valid until api/validator.h has said so.

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
  // Time that the client allows; absent: the Gateway's own limit.
  std::optional<Nanos> timeout;
  FieldNames names;
};

struct ChatMessage {
  std::string role;
  std::string content;
};

struct ChatRequest {
  RequestOptions options;
  std::vector<ChatMessage> messages;
};

struct CompletionRequest {
  RequestOptions options;
  std::string prompt;
};

}  // namespace sluice::gateway::api
