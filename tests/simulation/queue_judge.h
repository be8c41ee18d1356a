#pragma once

// The queue's bounds, counted anew from what is alive.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/generator/scheduler/scheduler.h"
#include "tests/simulation/situations.h"

namespace sluice::generator {

// What waits for a first step. Threads: any.
struct QueueCount {
  int32_t requests = 0;
  int64_t tokens = 0;
};

// Without the request of that id, which a newer attempt replaces.
QueueCount CountQueue(const Scheduler& scheduler,
                      const std::string& without_id);

// Positions that each sequence may come to hold, within the context.
int64_t MostPositions(const RequestFields& fields);

// Whether a request was rightly refused, or let in (`refusal` is OK), for its
// size, the queue's bounds or none of them. `queue`: before it came.
// Errors: INTERNAL.
absl::Status JudgeAdmission(const RequestFields& fields,
                            const QueueCount& queue, const Scheduler& scheduler,
                            const absl::Status& refusal,
                            Situations& situations);

// Errors: INTERNAL when the scheduler counts its queue otherwise.
absl::Status JudgeCounts(const Scheduler& scheduler);

}  // namespace sluice::generator
