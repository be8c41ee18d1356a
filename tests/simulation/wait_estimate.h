#pragma once

// What a newcomer must and may expect to wait at the measured rates, so that a
// refusal for its bounds that was due came, and one that was not did not.

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "services/generator/scheduler/scheduler.h"

namespace sluice::generator {

// Seconds from now. `least` leaves out what may not count, `most` leaves out
// nothing.
struct WaitRange {
  double least = 0;
  double most = 0;
};

struct WaitEstimate {
  WaitRange start;
  WaitRange first_token;
  WaitRange end;  // of the shortest answer that the request allows
};

// Before the request is handed in; the one it replaces is gone already.
WaitEstimate EstimateWaits(const RequestFields& fields,
                           const Scheduler& scheduler, Nanos now);

// `refused`: as DEADLINE_UNMEETABLE.
// Errors: INTERNAL: refused although every bound is beyond what it may wait,
// or let in although one lies far within what it must.
absl::Status JudgeEstimate(const RequestFields& fields,
                           const WaitEstimate& estimate,
                           const SchedulerOptions& options, Nanos now,
                           bool refused);

}  // namespace sluice::generator
