#pragma once

// What happens to a request, in the order of its stream: Queued*, Started,
// (Progress | Delta)*, Finished; Failed may stand at any place and is last.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "services/generator/constraint/sequence_end.h"
#include "services/generator/sampler/sampling_params.h"

namespace sluice::generator {

// Names a request inside the engine; larger ones arrived later.
using Ticket = uint64_t;

struct Queued {
  int32_t position = 0;  // requests ahead of it
};

struct Started {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;  // of these, taken from the cache
  SamplingParams params;
};

struct Progress {
  int32_t prompt_tokens_done = 0;
};

// Without ids and end it only says "alive".
struct Delta {
  int32_t index = 0;
  std::vector<int32_t> ids = {};
  std::optional<SequenceEnd> end = std::nullopt;
};

struct Finished {
  std::vector<SequenceEnd> ends;  // by sequence index
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;
  int32_t generated_tokens = 0;  // those of earlier attempts included
  Nanos queue_time = 0;          // arrival to first being scheduled
  Nanos prefill_time = 0;        // from there to the first token
  Nanos decode_time = 0;         // first token to last
};

// How far a request had come.
enum class Phase { kQueued, kPrefill, kDecode };

struct Failed {
  absl::Status status;
  Phase phase = Phase::kQueued;
  int64_t computed_tokens = 0;  // rows run for it
};

struct TokenEvent {
  Ticket ticket = 0;
  std::variant<Queued, Started, Progress, Delta, Finished, Failed> body;
};

}  // namespace sluice::generator
