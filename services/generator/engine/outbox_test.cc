#include "services/generator/engine/outbox.h"

#include <map>
#include <numeric>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::ElementsAre;

class OutboxTest : public ::testing::Test {
 protected:
  Outbox Make(OutboxLimits limits = {}) {
    return Outbox(
        limits, [this] { ++ready_; }, [this] { ++room_; });
  }
  static Delta Ids(int32_t index, std::vector<int32_t> ids) {
    return Delta{.index = index, .ids = std::move(ids)};
  }

  int ready_ = 0;
  int room_ = 0;
};

TEST_F(OutboxTest, MessagesComeOutInOrderAndThenTheEnd) {
  Outbox outbox = Make();
  EXPECT_FALSE(outbox.Take().message.has_value());
  outbox.Push(Queued{3});
  outbox.Push(Started{.prompt_tokens = 5, .cached_tokens = 0, .params = {}});
  outbox.Push(Ids(0, {1}));
  outbox.Close(absl::OkStatus());
  EXPECT_EQ(ready_, 1);
  EXPECT_TRUE(std::holds_alternative<Queued>(*outbox.Take().message));
  EXPECT_TRUE(std::holds_alternative<Started>(*outbox.Take().message));
  EXPECT_TRUE(std::holds_alternative<Delta>(*outbox.Take().message));
  const Outbox::Taken last = outbox.Take();
  EXPECT_FALSE(last.message.has_value());
  EXPECT_TRUE(last.end->ok());
}

TEST_F(OutboxTest, ReadyIsSaidOnceUntilEverythingWasTaken) {
  Outbox outbox = Make();
  outbox.Push(Ids(0, {1}));
  outbox.Push(Ids(0, {2}));
  EXPECT_EQ(ready_, 1);
  outbox.Take();
  outbox.Push(Ids(0, {3}));
  EXPECT_EQ(ready_, 2);
  outbox.Take();
  outbox.Close(absl::CancelledError());
  EXPECT_EQ(ready_, 3);
}

TEST_F(OutboxTest, UnreadDeltasOfASequenceBecomeOne) {
  Outbox outbox = Make();
  outbox.Push(Ids(0, {1}));
  outbox.Push(Ids(1, {7}));
  outbox.Push(Ids(0, {2}));
  outbox.Push(Ids(1, {8}));
  outbox.Push(Delta{.index = 0, .ids = {3}, .end = SequenceEnd{}});
  const Delta first = std::get<Delta>(*outbox.Take().message);
  EXPECT_THAT(first.ids, ElementsAre(1, 2, 3));
  EXPECT_TRUE(first.end.has_value());
  EXPECT_THAT(std::get<Delta>(*outbox.Take().message).ids, ElementsAre(7, 8));
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, NewerProgressReplacesTheOlder) {
  Outbox outbox = Make();
  outbox.Push(Progress{1});
  outbox.Push(Progress{2});
  EXPECT_EQ(std::get<Progress>(*outbox.Take().message).prompt_tokens_done, 2);
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, FullOutboxSaysSoUntilHalfWasTaken) {
  OutboxLimits limits;
  limits.max_pending_ids = 4;
  Outbox outbox = Make(limits);
  outbox.Push(Ids(0, {1, 2}));
  outbox.Push(Ids(1, {3}));
  EXPECT_FALSE(outbox.full());
  outbox.Push(Ids(1, {4}));
  EXPECT_TRUE(outbox.full());
  EXPECT_EQ(room_, 0);
  outbox.Take();
  EXPECT_FALSE(outbox.full());
  EXPECT_EQ(room_, 1);
}

TEST_F(OutboxTest, CancelWakesTheEngine) {
  Outbox outbox = Make();
  EXPECT_FALSE(outbox.cancelled());
  outbox.Cancel();
  EXPECT_TRUE(outbox.cancelled());
  EXPECT_EQ(room_, 1);
}

TEST_F(OutboxTest, LongDeltaIsSplitAndKeepsItsEndTogether) {
  OutboxLimits limits;
  limits.max_pending_ids = 100000;
  limits.max_message_ids = 2048;
  Outbox outbox = Make(limits);
  std::vector<int32_t> ids(5000);
  std::iota(ids.begin(), ids.end(), 0);
  outbox.Push(Delta{.index = 2, .ids = ids, .end = SequenceEnd{}});
  std::vector<int32_t> taken;
  std::vector<size_t> sizes;
  bool ended = false;
  while (!outbox.empty()) {
    ASSERT_FALSE(ended);
    const Delta delta = std::get<Delta>(*outbox.Take().message);
    EXPECT_EQ(delta.index, 2);
    taken.insert(taken.end(), delta.ids.begin(), delta.ids.end());
    sizes.push_back(delta.ids.size());
    ended = delta.end.has_value();
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(taken, ids);
  EXPECT_THAT(sizes, ElementsAre(2048, 1928, 1024));
}

TEST_F(OutboxTest, RandomPushesAndTakesLoseNoId) {
  std::mt19937 random(4);
  Outbox outbox = Make();
  std::map<int32_t, std::vector<int32_t>> pushed, taken;
  const auto take = [&] {
    const Outbox::Taken one = outbox.Take();
    if (!one.message.has_value()) return false;
    if (const auto* delta = std::get_if<Delta>(&*one.message)) {
      auto& ids = taken[delta->index];
      ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
    }
    return true;
  };
  for (int32_t i = 0; i < 20000; ++i) {
    const int32_t index = random() % 4;
    if (random() % 20 == 0) outbox.Push(Progress{i});
    outbox.Push(Ids(index, {i}));
    pushed[index].push_back(i);
    if (random() % 3 == 0) take();
  }
  while (take()) {
  }
  EXPECT_EQ(taken, pushed);
}

}  // namespace
}  // namespace sluice::generator
