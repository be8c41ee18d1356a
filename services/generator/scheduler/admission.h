#pragma once

// Whether a request is let in, known before anything is allocated for it.
// Threads: any.

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "services/generator/scheduler/queue_shares.h"
#include "services/generator/scheduler/rate_meter.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/scheduler/scheduler_options.h"

namespace sluice::generator {

// What a newcomer finds.
struct QueueLoad {
  int32_t requests = 0;  // accepted, never scheduled
  int64_t tokens = 0;    // their cost
  int32_t ahead = 0;     // of these, the ones that certainly go before it
  int32_t own = 0;       // of these, its own tenant's, of no later class
  // At which its tenant's requests start while some wait; 0: not measured.
  double own_starts_per_second = 0;
  int64_t prefill_rows = 0;  // that running sequences still have to run
};

// How many more requests would be let in before anything else happens. Only
// what holds for all requests is in it: the queue's bounds and the operator's
// timeouts.
struct QueueRoom {
  static constexpr int32_t kEndless = std::numeric_limits<int32_t>::max();
  struct Key {
    std::string tenant;
    int32_t priority_class = 0;
    auto operator<=>(const Key&) const = default;
  };
  int32_t requests = kEndless;  // of all together
  // In time to start, of tenants that have requests in the queue, by class, and
  // of each other one.
  std::map<Key, int32_t> tenants;
  std::array<int32_t, kPriorityClasses> others = {kEndless, kEndless, kEndless};
  Nanos retry_delay = 0;
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

// Requests ahead of one that the operator's timeouts still let in, when so many
// of them start a second; kEndless without timeouts or measured rate.
int32_t MostAhead(const SchedulerOptions& options, double starts_per_second);

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

absl::Status QueueFullError(const char* what, int64_t got, int64_t limit,
                            Nanos retry_delay);
absl::Status QueueTooSlowError(Nanos retry_delay);
// The ends of requests that waited too long.
absl::Status QueueTimeoutError(Nanos waited, Nanos retry_delay);
absl::Status FirstTokenTimeoutError(Nanos waited, Nanos retry_delay);

}  // namespace sluice::generator
