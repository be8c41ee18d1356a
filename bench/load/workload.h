#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/options.h"
#include "common/base/clock.h"

namespace sluice::load {

// One request as it shall be sent.
struct PlannedRequest {
  int64_t index = 0;
  int32_t tenant = 0;     // index into WorkloadOptions::tenants
  int32_t question = -1;  // equal questions get equal answers; -1: none
  std::string tenant_name;
  std::string prompt;               // for faces that take text
  std::vector<int32_t> prompt_ids;  // for the Generator
  int32_t max_new_tokens = 1;
  uint64_t seed = 0;
  float temperature = 1;
  bool ignore_eos = true;
  bool slow = false;
  std::optional<Nanos> cancel_after;  // since it was due
};

// The index-th request: the same for the same options, whatever was planned
// before. A text prompt has one word for each token asked for, which is near
// the truth only; answers say how many tokens it was. Threads: any (pure).
// REQUIRES: CheckOptions is OK; ids need vocabulary_size > 0.
PlannedRequest PlanRequest(const WorkloadOptions& options, bool ids,
                           int64_t index);

}  // namespace sluice::load
