#pragma once

#include <cstdint>
#include <string>

#include "services/generator/runner/model_runner.h"
#include "services/generator/scheduler/request.h"

namespace sluice::generator {

// What the service says about its model. Immutable.
struct ServedModel {
  std::string name;             // that clients use
  RunnerInfo info;              // of the runner
  std::string vocabulary_hash;  // lower-case hex
  RequestLimits limits;
  int64_t started_at_unix_seconds = 0;
};

// Positions that a sequence may have: what the runner can do and its pool can
// hold, and no more than `max_context` when that is above 0.
int32_t ContextLength(const RunnerInfo& info, int32_t max_context);

}  // namespace sluice::generator
