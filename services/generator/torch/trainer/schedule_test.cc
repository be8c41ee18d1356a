#include "services/generator/torch/trainer/schedule.h"

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

TEST(ScheduleTest, ProgressIsTheFurtherOfStepsAndMinutes) {
  ScheduleOptions options;
  options.steps = 100;
  EXPECT_DOUBLE_EQ(Progress(options, 25, 1000), 0.25);
  options.max_minutes = 10;
  EXPECT_DOUBLE_EQ(Progress(options, 25, 1), 0.25);
  EXPECT_DOUBLE_EQ(Progress(options, 25, 5), 0.5);
  EXPECT_DOUBLE_EQ(Progress(options, 25, 50), 1);
  EXPECT_DOUBLE_EQ(Progress(options, 300, 0), 1);
}

TEST(ScheduleTest, RateRisesLinearlyThenFallsToItsEnd) {
  ScheduleOptions options;
  options.warmup_steps = 10;
  options.peak_rate = 1.0;
  options.final_rate = 0.1;
  EXPECT_NEAR(LearningRate(options, 0, 0), 0.1, 1e-12);
  EXPECT_NEAR(LearningRate(options, 4, 0), 0.5, 1e-12);
  EXPECT_NEAR(LearningRate(options, 10, 0), 1.0, 1e-12);
  EXPECT_NEAR(LearningRate(options, 99, 0.5), 0.55, 1e-12);
  EXPECT_NEAR(LearningRate(options, 99, 1), 0.1, 1e-12);
}

}  // namespace
}  // namespace sluice::generator
