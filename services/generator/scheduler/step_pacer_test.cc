#include "services/generator/scheduler/step_pacer.h"

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

constexpr StepPacerOptions kOptions = {.target_step_ms = 40,
                                       .min_prefill_rows = 16,
                                       .max_prefill_rows = 512,
                                       .first_prefill_rows = 64};

TEST(StepPacerTest, SettlesWhereAStepTakesTheTargetTime) {
  StepPacer pacer(kOptions);
  for (int i = 0; i < 20; ++i) {
    pacer.OnStep(pacer.prefill_rows(),
                 pacer.prefill_rows() * 400 * kNanosPerMicro);
  }
  EXPECT_EQ(pacer.prefill_rows(), 100);
}

TEST(StepPacerTest, StaysWithinItsLimits) {
  StepPacer pacer(kOptions);
  for (int i = 0; i < 20; ++i) {
    pacer.OnStep(pacer.prefill_rows(), kNanosPerSecond);
  }
  EXPECT_EQ(pacer.prefill_rows(), 16);
  for (int i = 0; i < 20; ++i) {
    pacer.OnStep(pacer.prefill_rows(), kNanosPerMilli);
  }
  EXPECT_EQ(pacer.prefill_rows(), 512);
}

TEST(StepPacerTest, ShortStepThatWasNotFullChangesNothing) {
  StepPacer pacer(kOptions);
  pacer.OnStep(10, kNanosPerMilli);
  EXPECT_EQ(pacer.prefill_rows(), 64);
  pacer.OnStep(0, kNanosPerSecond);
  EXPECT_EQ(pacer.prefill_rows(), 64);
}

}  // namespace
}  // namespace sluice::generator
