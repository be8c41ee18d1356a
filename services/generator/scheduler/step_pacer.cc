#include "services/generator/scheduler/step_pacer.h"

#include <algorithm>

namespace sluice::generator {

void StepPacer::OnStep(int32_t prefill_rows, Nanos elapsed) {
  if (prefill_rows <= 0 || elapsed <= 0) return;
  const Nanos target = options_.target_step_ms * kNanosPerMilli;
  // A step that the budget did not limit says nothing about a larger one.
  if (elapsed <= target && prefill_rows < budget_) return;
  const double ratio =
      std::clamp(static_cast<double>(target) / elapsed, 0.5, 2.0);
  const int32_t least =
      std::min(options_.min_prefill_rows, options_.max_prefill_rows);
  budget_ = std::clamp(static_cast<int32_t>(prefill_rows * ratio), least,
                       options_.max_prefill_rows);
}

}  // namespace sluice::generator
