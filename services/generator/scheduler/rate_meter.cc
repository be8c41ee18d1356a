#include "services/generator/scheduler/rate_meter.h"

#include <cmath>

namespace sluice::generator {
namespace {

constexpr double kFadeSeconds = 5;
// Less measured time than this says nothing.
constexpr double kLeastSeconds = 0.1;
// What is older may be of another load, and is measured anew.
constexpr Nanos kForgetAfter = 60 * kNanosPerSecond;

}  // namespace

void RateMeter::OnStep(const MeasuredStep& step, Nanos now) {
  if (step.elapsed <= 0) return;
  if (step.queue_waited) starts_.Add(step.started_requests, step.elapsed, now);
  if (step.prefill_full) prefill_.Add(step.prefill_rows, step.elapsed, now);
  if (step.decode_rows == 0) return;
  decode_.Add(1 + static_cast<double>(step.accepted_drafts) / step.decode_rows,
              step.elapsed, now);
}

Rates RateMeter::rates(Nanos now) const {
  Rates rates;
  rates.starts_per_second = starts_.PerSecond(now, 1);
  rates.prefill_tokens_per_second = prefill_.PerSecond(now, 0);
  const double steps = decode_.PerSecond(now, 0);
  if (steps > 0) rates.decode_step_seconds = 1 / steps;
  return rates;
}

void FadingRate::Add(double events, Nanos elapsed, Nanos now) {
  if (last_ != 0 && now - last_ > kForgetAfter) events_ = seconds_ = 0;
  const double seconds = ToSeconds(elapsed);
  const double kept = std::exp(-seconds / kFadeSeconds);
  events_ = events_ * kept + events;
  seconds_ = seconds_ * kept + seconds;
  last_ = now;
}

double FadingRate::PerSecond(Nanos now, double more_events) const {
  if (seconds_ < kLeastSeconds || now - last_ > kForgetAfter) return 0;
  return (events_ + more_events) / seconds_;
}

}  // namespace sluice::generator
