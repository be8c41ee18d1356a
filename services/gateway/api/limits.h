#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::gateway::api {

// What a request may hold, whatever the model.
struct Limits {
  size_t max_messages = 1024;
  size_t max_stops = 16;
  size_t max_stop_bytes = 128;
  size_t max_stop_token_ids = 64;
  size_t max_name_bytes = 256;  // model and preset
  size_t max_request_id_bytes = 128;
  int64_t max_wait_ms = 86'400'000;  // queue and first-token timeouts
  size_t max_tools = 128;
  size_t max_tool_calls = 128;  // of one message
  size_t max_tool_name_bytes = 256;
  int max_json_depth = 32;  // of tools, arguments and template variables
};

}  // namespace sluice::gateway::api
