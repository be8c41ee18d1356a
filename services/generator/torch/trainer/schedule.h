#pragma once

// How far a run is, and the learning rate there.

#include <cstdint>

namespace sluice::generator {

struct ScheduleOptions {
  int64_t steps = 6000;
  double max_minutes = 0;  // 0: no limit
  int64_t stop_step = 0;   // a pause: leave the rest to a later run; 0: none
  int64_t warmup_steps = 200;
  double peak_rate = 2e-3;
  double final_rate = 5e-5;
};

// 0 at the start, 1 when the run is over: whichever of steps and minutes is
// further. Only a run that steps end is repeatable bit for bit.
double Progress(const ScheduleOptions& options, int64_t step, double minutes);

// Linear warm-up, then half a cosine down to final_rate.
double LearningRate(const ScheduleOptions& options, int64_t step,
                    double progress);

}  // namespace sluice::generator
