#include "services/generator/scheduler/step_cost.h"

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

TEST(StepCostTest, WhatIsNotMeasuredLiesBetweenWhatIsOrIsAsTheNearest) {
  StepCost cost;
  EXPECT_EQ(cost.Seconds(3), 0);
  cost.OnStep(2, 10 * kNanosPerMilli);
  EXPECT_FALSE(cost.knows(1));
  EXPECT_TRUE(cost.knows(2));
  EXPECT_DOUBLE_EQ(cost.Seconds(1), 0.010);
  EXPECT_DOUBLE_EQ(cost.Seconds(7), 0.010);
  cost.OnStep(6, 18 * kNanosPerMilli);
  EXPECT_DOUBLE_EQ(cost.Seconds(3), 0.012);
  EXPECT_DOUBLE_EQ(cost.Seconds(6), 0.018);
  EXPECT_DOUBLE_EQ(cost.Seconds(StepCost::kMostRows), 0.018);
}

TEST(StepCostTest, FollowsWhatChangesAndNotASingleStep) {
  StepCost cost;
  for (int i = 0; i < 50; ++i) cost.OnStep(4, 10 * kNanosPerMilli);
  cost.OnStep(4, kNanosPerSecond);
  cost.OnStep(4, kNanosPerSecond);
  EXPECT_DOUBLE_EQ(cost.Seconds(4), 0.010);
  for (int i = 0; i < 3; ++i) cost.OnStep(4, 30 * kNanosPerMilli);
  EXPECT_DOUBLE_EQ(cost.Seconds(4), 0.030);
}

TEST(StepCostTest, WhatWasNotSeenForLongIsForgotten) {
  StepCost cost;
  cost.OnStep(9, 50 * kNanosPerMilli);
  for (int i = 0; i < 400; ++i) cost.OnStep(4, 10 * kNanosPerMilli);
  EXPECT_EQ(cost.most_known(), 9);
  EXPECT_GT(cost.Seconds(5), 0.010);
  for (int i = 0; i < 200; ++i) cost.OnStep(4, 10 * kNanosPerMilli);
  EXPECT_EQ(cost.most_known(), 4);
  EXPECT_DOUBLE_EQ(cost.Seconds(9), 0.010);
  cost.OnStep(9, 12 * kNanosPerMilli);
  EXPECT_DOUBLE_EQ(cost.Seconds(9), 0.012);
}

TEST(StepCostTest, StepsBeyondItsSizeAndWithoutTimeSayNothing) {
  StepCost cost;
  cost.OnStep(0, kNanosPerMilli);
  cost.OnStep(StepCost::kMostRows + 1, kNanosPerMilli);
  cost.OnStep(5, 0);
  EXPECT_EQ(cost.Seconds(5), 0);
  EXPECT_FALSE(cost.knows(StepCost::kMostRows + 1));
}

}  // namespace
}  // namespace sluice::generator
