#include "common/concurrency/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "common/concurrency/named_thread.h"

namespace sluice {
namespace {

constexpr Nanos kLong = 60 * kNanosPerSecond;

TEST(Mailbox, RefusesTheItemBeyondItsCapacityAndLeavesItUntouched) {
  Mailbox<std::unique_ptr<int>> mailbox(2);
  ASSERT_TRUE(mailbox.TryPush(std::make_unique<int>(1)).ok());
  ASSERT_TRUE(mailbox.TryPush(std::make_unique<int>(2)).ok());
  auto third = std::make_unique<int>(3);
  const absl::Status status = mailbox.TryPush(std::move(third));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()), "mailbox: full, got 3, limit 2");
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(mailbox.DrainAll().size(), 2u);
  EXPECT_TRUE(mailbox.TryPush(std::move(third)).ok());
}

TEST(Mailbox, ClosedTakesNothingMoreButGivesWhatItHas) {
  Mailbox<int> mailbox(4);
  ASSERT_TRUE(mailbox.TryPush(1).ok());
  mailbox.Close();
  EXPECT_EQ(mailbox.TryPush(2).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(mailbox.WaitAndDrain(kLong), std::vector<int>{1});
  EXPECT_TRUE(mailbox.WaitAndDrain(kLong).empty());  // does not wait
}

TEST(Mailbox, WaitEndsAtTheTimeoutAndAtWake) {
  Mailbox<int> mailbox(1);
  EXPECT_TRUE(mailbox.WaitAndDrain(0).empty());
  mailbox.Wake();
  EXPECT_TRUE(mailbox.WaitAndDrain(kLong).empty());
  NamedThread waker("waker", [&] { mailbox.Wake(); });
  EXPECT_TRUE(mailbox.WaitAndDrain(kLong).empty());
}

// Every accepted item arrives once, in its producer's order.
TEST(Mailbox, ManyProducersLoseAndReorderNothing) {
  constexpr int kProducers = 8;
  constexpr int kItems = 500;
  struct Item {
    int producer, number;
  };
  Mailbox<Item> mailbox(64);
  std::vector<NamedThread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back("producer", [&mailbox, p] {
      for (int n = 0; n < kItems;) {
        if (mailbox.TryPush({p, n}).ok()) {
          ++n;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<int> next(kProducers, 0);
  for (int got = 0; got < kProducers * kItems;) {
    const std::vector<Item> items = mailbox.WaitAndDrain(kLong);
    ASSERT_LE(items.size(), mailbox.capacity());
    for (const Item& item : items) {
      ASSERT_EQ(item.number, next[item.producer]++);
      ++got;
    }
  }
  EXPECT_EQ(mailbox.size(), 0u);
}

}  // namespace
}  // namespace sluice
