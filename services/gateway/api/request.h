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
