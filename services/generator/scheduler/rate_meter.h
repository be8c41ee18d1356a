#pragma once

// How fast work was done lately, so that waits can be told beforehand.

#include <cstdint>

#include "common/base/clock.h"

namespace sluice::generator {

// Each is 0 where nothing was measured lately.
struct Rates {
  // Requests that got their first step, while others waited.
  double starts_per_second = 0;
  // Of steps whose prefill was limited by its budget.
  double prefill_tokens_per_second = 0;
  // Of steps that gave running sequences tokens: until the next token of one.
  double decode_step_seconds = 0;
};

// One step, from its plan to the plan of the next.
struct MeasuredStep {
  Nanos elapsed = 0;
  int32_t prefill_rows = 0;
  int32_t decode_rows = 0;
  int32_t accepted_drafts = 0;  // ids that these brought beyond one each
  int32_t started_requests = 0;
  bool prefill_full = false;  // more prefill waited for room in the step
  bool queue_waited = false;  // requests waited for their first step
};

// Sums that fade: what was measured kFadeSeconds of measured time ago counts
// e times less. Threads: engine thread only.
class FadingRate {
 public:
  void Add(double events, Nanos elapsed, Nanos now);
  // 0 when too little or nothing lately was measured.
  double PerSecond(Nanos now, double more_events) const;

 private:
  double events_ = 0;
  double seconds_ = 0;
  Nanos last_ = 0;
};

// Threads: engine thread only.
class RateMeter {
 public:
  void OnStep(const MeasuredStep& step, Nanos now);
  // Rounded up by an event: nothing in a short time is not a rate of zero.
  Rates rates(Nanos now) const;

 private:
  FadingRate starts_;
  FadingRate prefill_;
  FadingRate decode_;
};

}  // namespace sluice::generator
