#pragma once

// How many prefill rows a step has, worked out anew: what would have met the
// target, by at most twofold from step to step.

#include <cstdint>

#include "common/base/clock.h"
#include "services/generator/scheduler/step_pacer.h"

namespace sluice::generator {

// Threads: one at a time.
class PrefillBudget {
 public:
  explicit PrefillBudget(const StepPacerOptions& options);

  // Of the next step, whatever else it runs.
  int32_t rows() const { return rows_; }
  void AfterStep(int32_t prefill_rows, Nanos took);

 private:
  StepPacerOptions options_;
  int32_t rows_;
};

}  // namespace sluice::generator
