#pragma once

// Whether a request is let in, known before anything is allocated for it.
// Threads: any.

#include <cstdint>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "services/generator/scheduler/rate_meter.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/scheduler/scheduler_options.h"

namespace sluice::generator {

// What a newcomer finds.
struct QueueLoad {
  int32_t requests = 0;      // accepted, never scheduled
  int64_t tokens = 0;        // their cost
  int32_t ahead = 0;         // of these, the ones that certainly go before it
  int64_t prefill_rows = 0;  // that running sequences still have to run
};

// Times from now at the measured rates, each too short rather than too long;
// 0 where no rate was measured.
struct ExpectedWaits {
  Nanos start = 0;
  Nanos first_token = 0;
  Nanos end = 0;  // of the shortest answer that the request allows
};

// The moments at which a request ends that came `now`: the tighter of its own
// timeouts and the operator's, kNoDeadline without either.
Nanos StartBy(const Request& request, const SchedulerOptions& options,
              Nanos now);
Nanos FirstTokenBy(const Request& request, const SchedulerOptions& options,
                   Nanos now);

// `prefill_tokens`: of its prompt, those that the prefix cache lacks.
ExpectedWaits ExpectWaits(const Request& request, int64_t prefill_tokens,
                          const QueueLoad& queue, const Rates& rates);

// What to tell those who are refused: until the queue is gone at the measured
// rate, at least retry_delay_ms and at most a minute.
Nanos RetryDelay(int32_t queued_requests, const SchedulerOptions& options,
                 const Rates& rates);

// Errors: INVALID_ARGUMENT when prompt and output can never be in the pool at
// once.
absl::Status CheckFits(const Request& request, const SchedulerModel& model);

// Errors: RESOURCE_EXHAUSTED, reason QUEUE_FULL, with the retry delay.
absl::Status CheckQueue(const Request& request, const QueueLoad& queue,
                        const SchedulerOptions& options, Nanos retry_delay);

// Refuses what is bound to end by its deadline or timeouts, by a wide margin,
// and what is expected to use up most of the operator's timeouts.
// Errors: RESOURCE_EXHAUSTED, reason DEADLINE_UNMEETABLE, with the retry delay.
absl::Status CheckWaits(const Request& request, const ExpectedWaits& waits,
                        const SchedulerOptions& options, Nanos now,
                        Nanos retry_delay);

// The ends of requests that waited too long.
absl::Status QueueTimeoutError(Nanos waited, Nanos retry_delay);
absl::Status FirstTokenTimeoutError(Nanos waited, Nanos retry_delay);

}  // namespace sluice::generator
