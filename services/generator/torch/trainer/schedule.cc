#include "services/generator/torch/trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::generator {

double Progress(const ScheduleOptions& options, int64_t step, double minutes) {
  double progress =
      static_cast<double>(step) / static_cast<double>(options.steps);
  if (options.max_minutes > 0) {
    progress = std::max(progress, minutes / options.max_minutes);
  }
  return std::min(progress, 1.0);
}

double LearningRate(const ScheduleOptions& options, int64_t step,
                    double progress) {
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  const double rate =
      options.final_rate + (options.peak_rate - options.final_rate) * cosine;
  if (step >= options.warmup_steps) return rate;
  return rate * static_cast<double>(step + 1) /
         static_cast<double>(options.warmup_steps);
}

}  // namespace sluice::generator
