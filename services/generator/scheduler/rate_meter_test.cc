#include "services/generator/scheduler/rate_meter.h"

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

constexpr Nanos kStep = 50 * kNanosPerMilli;

// Steps of one kind, one after the other.
Nanos RunSteps(RateMeter& meter, MeasuredStep step, int count, Nanos now) {
  step.elapsed = kStep;
  for (int i = 0; i < count; ++i) meter.OnStep(step, now += kStep);
  return now;
}

TEST(RateMeterTest, NothingMeasuredIsZero) {
  const Rates rates = RateMeter().rates(kNanosPerSecond);
  EXPECT_EQ(rates.starts_per_second, 0);
  EXPECT_EQ(rates.prefill_tokens_per_second, 0);
  EXPECT_EQ(rates.decode_step_seconds, 0);
}

TEST(RateMeterTest, SteadyWorkGivesItsRates) {
  RateMeter meter;
  const Nanos now = RunSteps(meter,
                             {.prefill_rows = 100,
                              .decode_rows = 7,
                              .started_requests = 2,
                              .prefill_full = true,
                              .queue_waited = true},
                             400, kNanosPerSecond);
  const Rates rates = meter.rates(now);
  EXPECT_NEAR(rates.starts_per_second, 40, 1);
  EXPECT_NEAR(rates.prefill_tokens_per_second, 2000, 1);
  EXPECT_NEAR(rates.decode_step_seconds, 0.05, 1e-6);
}

TEST(RateMeterTest, StepsThatNothingLimitedAreNoMeasure) {
  RateMeter meter;
  const Nanos now = RunSteps(meter, {.prefill_rows = 3, .started_requests = 1},
                             100, kNanosPerSecond);
  const Rates rates = meter.rates(now);
  EXPECT_EQ(rates.starts_per_second, 0);
  EXPECT_EQ(rates.prefill_tokens_per_second, 0);
  EXPECT_EQ(rates.decode_step_seconds, 0);
}

TEST(RateMeterTest, QueueThatStandsStillIsSlowAndNotUnmeasured) {
  RateMeter meter;
  const Nanos now =
      RunSteps(meter, {.queue_waited = true}, 1000, kNanosPerSecond);
  const double rate = meter.rates(now).starts_per_second;
  EXPECT_GT(rate, 0);
  EXPECT_LT(rate, 0.3);
}

TEST(RateMeterTest, NewerWorkOutweighsOlder) {
  RateMeter meter;
  Nanos now = RunSteps(meter, {.prefill_rows = 100, .prefill_full = true}, 1000,
                       kNanosPerSecond);
  now = RunSteps(meter, {.prefill_rows = 10, .prefill_full = true}, 600, now);
  EXPECT_NEAR(meter.rates(now).prefill_tokens_per_second, 200, 20);
}

TEST(RateMeterTest, WhatWasLongAgoIsForgotten) {
  RateMeter meter;
  Nanos now = RunSteps(meter, {.prefill_rows = 100, .prefill_full = true}, 1000,
                       kNanosPerSecond);
  now += 61 * kNanosPerSecond;
  EXPECT_EQ(meter.rates(now).prefill_tokens_per_second, 0);
  now = RunSteps(meter, {.prefill_rows = 10, .prefill_full = true}, 4, now);
  EXPECT_NEAR(meter.rates(now).prefill_tokens_per_second, 200, 1);
}

TEST(RateMeterTest, TooShortATimeSaysNothing) {
  RateMeter meter;
  const Nanos now = RunSteps(meter, {.prefill_rows = 10, .prefill_full = true},
                             1, kNanosPerSecond);
  EXPECT_EQ(meter.rates(now).prefill_tokens_per_second, 0);
}

}  // namespace
}  // namespace sluice::generator
