#include "services/generator/engine/load_board.h"

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

TEST(RateWindowTest, SumsTheLastTenWholeSeconds) {
  RateWindow window;
  Nanos now = 100 * kNanosPerSecond;
  EXPECT_EQ(window.PerSecond(now), 0.0);
  for (int i = 0; i < 30; ++i) {
    window.Add(3, now);
    window.Add(4, now + kNanosPerMilli);
    now += kNanosPerSecond;
  }
  EXPECT_DOUBLE_EQ(window.PerSecond(now), 7.0);
  EXPECT_DOUBLE_EQ(window.PerSecond(now + 5 * kNanosPerSecond), 3.5);
  EXPECT_DOUBLE_EQ(window.PerSecond(now + 10 * kNanosPerSecond), 0.0);
}

TEST(LoadBoardTest, ReadsWhatWasPublished) {
  LoadBoard board;
  LoadSnapshot load;
  load.queued_requests = 1;
  load.running_requests = 2;
  load.blocks = {.total = 10, .free = 4, .active = 5, .cached = 1};
  load.outstanding_tokens = int64_t{1} << 40;
  load.busy = true;
  load.last_step = 77;
  board.Publish(load);
  const LoadSnapshot read = board.Read();
  EXPECT_EQ(read.queued_requests, 1);
  EXPECT_EQ(read.running_requests, 2);
  EXPECT_EQ(read.blocks.total, 10);
  EXPECT_EQ(read.blocks.free, 4);
  EXPECT_EQ(read.blocks.active, 5);
  EXPECT_EQ(read.blocks.cached, 1);
  EXPECT_EQ(read.outstanding_tokens, int64_t{1} << 40);
  EXPECT_TRUE(read.busy);
  EXPECT_EQ(read.last_step, 77);
}

}  // namespace
}  // namespace sluice::generator
