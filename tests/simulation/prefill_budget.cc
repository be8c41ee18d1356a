#include "tests/simulation/prefill_budget.h"

#include <algorithm>

namespace sluice::generator {

PrefillBudget::PrefillBudget(const StepPacerOptions& options)
    : options_(options),
      rows_(std::min(options.first_prefill_rows, options.max_prefill_rows)) {}

void PrefillBudget::AfterStep(int32_t prefill_rows, Nanos took) {
  if (prefill_rows == 0) return;
  const double target = static_cast<double>(options_.target_step_ms) * 1e6;
  const bool too_long = static_cast<double>(took) > target;
  const bool was_full = prefill_rows >= rows_;
  // Fewer rows in good time say nothing about more.
  if (!too_long && !was_full) return;
  double wanted = prefill_rows * (target / static_cast<double>(took));
  wanted = std::min(std::max(wanted, 0.5 * prefill_rows), 2.0 * prefill_rows);
  const int32_t least =
      std::min(options_.min_prefill_rows, options_.max_prefill_rows);
  rows_ = std::max(
      least, std::min(static_cast<int32_t>(wanted), options_.max_prefill_rows));
}

}  // namespace sluice::generator
