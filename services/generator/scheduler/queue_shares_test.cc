#include "services/generator/scheduler/queue_shares.h"

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

class QueueSharesTest : public ::testing::Test {
 protected:
  LiveRequest& Add(const std::string& tenant, int count = 1,
                   Priority priority = Priority::kInteractive) {
    RequestFields fields;
    fields.request_id = "r";
    fields.tenant = tenant;
    fields.priority = priority;
    fields.prompt_ids = {1, 2, 3};
    fields.params.max_new_tokens = 7;
    RequestLimits limits;
    limits.context_length = 20;
    limits.vocabulary_size = 5;
    for (int i = 0; i < count; ++i) {
      TenantLedger::Account& account = ledger_.Enter(tenant);
      ++ticket_;
      requests_[ticket_] = std::make_unique<LiveRequest>(
          ticket_, *Request::Create(fields, limits), account, /*arrived_at=*/0);
    }
    return *requests_.at(ticket_);
  }
  int32_t Ahead(const std::string& tenant,
                Priority priority = Priority::kInteractive) {
    return QueueShares(requests_).Ahead(ledger_.Find(tenant),
                                        static_cast<int32_t>(priority));
  }
  void Serve(const std::string& tenant, int64_t tokens) {
    ledger_.Enter(tenant).served += tokens;
    ledger_.Leave(tenant);
  }

  TenantLedger ledger_{10};
  QueueShares::Requests requests_;
  Ticket ticket_ = 0;
};

TEST_F(QueueSharesTest, RequestsThatStartedDoNotWait) {
  Add("a", 3).started = true;
  const QueueShares shares(requests_);
  EXPECT_EQ(shares.requests(), 2);
  EXPECT_EQ(shares.tokens(), 20);
  EXPECT_EQ(Ahead("a"), 2);
}

TEST_F(QueueSharesTest, NewTenantIsBehindNobody) {
  Add("a", 50);
  Add("b", 3);
  EXPECT_EQ(Ahead("new"), 0);
}

TEST_F(QueueSharesTest, TenantsTakeTurns) {
  Add("a", 50);
  Add("b", 3);
  EXPECT_EQ(Ahead("b"), 3 + 3);
  EXPECT_EQ(Ahead("a"), 50 + 3);
  Serve("b", 100);
  EXPECT_EQ(Ahead("b"), 3 + 4);
}

TEST_F(QueueSharesTest, BetterClassesGoFirstAndWorseOnesDoNotCount) {
  Add("a", 2, Priority::kSystem);
  Add("a", 4, Priority::kInteractive);
  Add("a", 8, Priority::kBatch);
  EXPECT_EQ(Ahead("new", Priority::kSystem), 0);
  EXPECT_EQ(Ahead("new", Priority::kInteractive), 2);
  EXPECT_EQ(Ahead("new", Priority::kBatch), 6);
  EXPECT_EQ(Ahead("a", Priority::kInteractive), 6);
}

}  // namespace
}  // namespace sluice::generator
