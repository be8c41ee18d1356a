#include "services/gateway/clients/queue_gate.h"

#include <gtest/gtest.h>

namespace sluice::gateway {
namespace {

constexpr Nanos kProbe = 250 * kNanosPerMilli;
constexpr Nanos kRetry = 7 * kNanosPerSecond;

TEST(QueueGate, IsOpenUntilTheGeneratorRefuses) {
  QueueGate gate;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(gate.TryPass(0));
  gate.OnFull(0, kRetry);
  EXPECT_FALSE(gate.WouldPass(0));
  EXPECT_FALSE(gate.TryPass(0));
  EXPECT_EQ(gate.retry_delay(), kRetry);
}

TEST(QueueGate, LetsThroughOneForEachThatLeftTheQueue) {
  QueueGate gate;
  gate.OnLeftQueue(true);  // nobody was refused yet: worth nothing
  gate.OnFull(0, kRetry);
  EXPECT_FALSE(gate.TryPass(0));
  gate.OnLeftQueue(true);
  gate.OnLeftQueue(true);
  EXPECT_TRUE(gate.WouldPass(0));
  EXPECT_TRUE(gate.TryPass(0));
  EXPECT_TRUE(gate.TryPass(0));
  EXPECT_FALSE(gate.TryPass(0));
}

TEST(QueueGate, RefusalsOfThoseOnTheirWayKeepWhatWasEarned) {
  QueueGate gate;
  gate.OnFull(0, kRetry);
  gate.OnLeftQueue(true);
  gate.OnFull(1, kRetry);
  EXPECT_TRUE(gate.TryPass(1));
  EXPECT_FALSE(gate.TryPass(1));
}

TEST(QueueGate, OpensWhenARequestHadNotToWait) {
  QueueGate gate;
  gate.OnFull(0, kRetry);
  gate.OnLeftQueue(false);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(gate.TryPass(0));
}

TEST(QueueGate, ProbesOneByOneAndOpensAfterASilenceOfRefusals) {
  QueueGate gate;
  gate.OnFull(0, kRetry);
  EXPECT_FALSE(gate.TryPass(kProbe - 1));
  EXPECT_TRUE(gate.TryPass(kProbe));
  EXPECT_FALSE(gate.TryPass(kProbe));
  gate.OnFull(kProbe, kRetry);  // the probe was refused
  EXPECT_FALSE(gate.TryPass(2 * kProbe - 1));
  const Nanos open = kProbe + kNanosPerSecond;
  EXPECT_TRUE(gate.TryPass(open - 1));  // the next probe
  EXPECT_FALSE(gate.TryPass(open - 1));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(gate.TryPass(open));
  gate.OnFull(open, kRetry);
  EXPECT_FALSE(gate.TryPass(open));
}

TEST(QueueGate, EarnsNoMoreThanItsBound) {
  QueueGate gate({.max_credits = 3});
  gate.OnFull(0, kRetry);
  for (int i = 0; i < 1000; ++i) gate.OnLeftQueue(true);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(gate.TryPass(0));
  EXPECT_FALSE(gate.TryPass(0));
}

}  // namespace
}  // namespace sluice::gateway
