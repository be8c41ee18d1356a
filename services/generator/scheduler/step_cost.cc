#include "services/generator/scheduler/step_cost.h"

#include <algorithm>

namespace sluice::generator {
namespace {

constexpr int64_t kForgetAfterSteps = 500;

}  // namespace

void StepCost::OnStep(int32_t rows, Nanos elapsed) {
  if (rows < 1 || rows > kMostRows || elapsed <= 0) return;
  Measured& of_rows = measured_[rows];
  if (!knows(rows)) of_rows.count = 0;
  of_rows.seconds[of_rows.count++ % kRemembered] = ToSeconds(elapsed);
  of_rows.at_step = ++steps_;
  // One step that somebody else held up changes nothing.
  std::array<double, kRemembered> sorted = of_rows.seconds;
  const size_t count = std::min(of_rows.count, kRemembered);
  std::sort(sorted.begin(), sorted.begin() + count);
  of_rows.median = sorted[(count - 1) / 2];
}

bool StepCost::knows(int32_t rows) const {
  return rows >= 1 && rows <= kMostRows && measured_[rows].count > 0 &&
         steps_ - measured_[rows].at_step <= kForgetAfterSteps;
}

int32_t StepCost::most_known() const {
  int32_t rows = kMostRows;
  while (rows > 0 && !knows(rows)) --rows;
  return rows;
}

double StepCost::Seconds(int32_t rows) const {
  int32_t below = rows, above = rows;
  while (below > 0 && !knows(below)) --below;
  while (above <= kMostRows && !knows(above)) ++above;
  if (below == 0 && above > kMostRows) return 0;
  if (below == 0) below = above;
  if (above > kMostRows) above = below;
  const double least = measured_[below].median;
  if (below == above) return least;
  const double most = measured_[above].median;
  return least + (most - least) * (rows - below) / (above - below);
}

}  // namespace sluice::generator
