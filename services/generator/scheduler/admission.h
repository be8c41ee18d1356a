#pragma once

// Whether a request is let in, known before anything is allocated for it.

#include <cstdint>

#include "absl/status/status.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/scheduler/scheduler_options.h"

namespace sluice::generator {

// What stands before the gate.
struct QueueLoad {
  int32_t requests = 0;  // accepted, never scheduled
  int64_t tokens = 0;    // their cost
};

// Threads: any.
// Errors: INVALID_ARGUMENT when prompt and output can never be in the pool at
// once.
absl::Status CheckFits(const Request& request, const SchedulerModel& model);

// Threads: any.
// Errors: RESOURCE_EXHAUSTED, reason QUEUE_FULL, with a retry delay.
absl::Status CheckQueue(const Request& request, const QueueLoad& queue,
                        const SchedulerOptions& options);

}  // namespace sluice::generator
