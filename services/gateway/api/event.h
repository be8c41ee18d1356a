#pragma once

// What a running request tells its client, on both faces. The order is
// Queued*, Started, (Progress | Delta)*, Finished; failures are statuses.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/gateway/api/sampling_params.h"

namespace sluice::gateway::api {

struct Queued {
  int32_t position = 0;  // requests ahead of it
};

struct Started {
  std::string request_id = {};
  std::string model = {};
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;
  SamplingParams effective_params = {};  // complete, the seed included
  std::string fingerprint = {};          // equal fingerprints give equal bits
};

struct Progress {
  int32_t prompt_tokens_done = 0;
};

// A call of a tool, or more of its arguments.
struct ToolCallDelta {
  int32_t index = 0;                // call within the sequence
  std::string id = {};              // in the first piece of a call only
  std::string name = {};            // in the first piece of a call only
  std::string arguments_json = {};  // the pieces add up to one JSON object
};

// Text, reasoning or calls, never two of them, all whole UTF-8; or nothing:
// then it only says "alive".
struct Delta {
  int32_t index = 0;      // sequence
  std::string text = {};  // for the reader
  int32_t tokens = 0;     // that came since the Delta before
  std::string reasoning = {};
  std::vector<ToolCallDelta> tool_calls = {};
};

enum class FinishReason { kEos, kStop, kLength };

// "eos", "stop" or "length".
std::string_view FinishReasonName(FinishReason reason);

struct Usage {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;
  int32_t generated_tokens = 0;  // end-of-sequence and stop included
};

// Seconds of the Generator's clock.
struct Timings {
  double queue_seconds = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

struct Finished {
  FinishReason reason = FinishReason::kLength;
  std::string matched_stop = {};
  Usage usage = {};
  Timings timings = {};
  bool same_bits = true;
};

using Event = std::variant<Queued, Started, Progress, Delta, Finished>;

}  // namespace sluice::gateway::api
