#pragma once

// How many prefill rows a step gets, so that steps take about a target time: a
// cancel is seen within a step, and streams move on beside a long prompt.

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"

namespace sluice::generator {

struct StepPacerOptions {
  int32_t target_step_ms = 40;
  int32_t min_prefill_rows = 16;  // however slow the machine
  int32_t max_prefill_rows = 512;
  // Before anything was measured: few, for a large model may need seconds for
  // a full step and streams promise a sign of life each second.
  int32_t first_prefill_rows = 64;
};

// Multiplicative control: a full step moves the budget towards what would have
// met the target, by at most twofold. Threads: engine thread only.
class StepPacer {
 public:
  explicit StepPacer(const StepPacerOptions& options)
      : options_(options),
        budget_(
            std::min(options.first_prefill_rows, options.max_prefill_rows)) {}

  int32_t prefill_rows() const { return budget_; }
  // A step with that many prefill rows took that long.
  void OnStep(int32_t prefill_rows, Nanos elapsed);

 private:
  StepPacerOptions options_;
  int32_t budget_;
};

}  // namespace sluice::generator
