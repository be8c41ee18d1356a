// Who goes first: aged priority class, then the least served tenant, then
// arrival.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/scheduler/scheduler.h"

namespace sluice::generator {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kVocabulary = 30;
constexpr int32_t kContext = 200;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1, 'a' + id % 26), id == 0});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

// No model: every token is the same.
class SchedulingOrderTest : public ::testing::Test {
 protected:
  void Start(SchedulerOptions options, int32_t blocks = 100) {
    scheduler_ = std::make_unique<Scheduler>(
        options, SchedulerModel{blocks, 8, kVocabulary}, vocabulary_);
  }
  Ticket Add(const std::string& tenant, int32_t prompt_tokens,
             int32_t new_tokens, Priority priority = Priority::kInteractive) {
    RequestFields fields;
    fields.request_id = "r";
    fields.tenant = tenant;
    fields.priority = priority;
    for (int32_t i = 0; i < prompt_tokens; ++i) {
      fields.prompt_ids.push_back((i * 7 + prompt_tokens) % kVocabulary);
    }
    fields.params.max_new_tokens = new_tokens;
    fields.params.ignore_eos = true;
    RequestLimits limits;
    limits.context_length = kContext;
    limits.vocabulary_size = kVocabulary;
    tenants_[++last_ticket_] = tenant;
    EXPECT_TRUE(
        scheduler_->Submit(last_ticket_, *Request::Create(fields, limits), now_)
            .ok());
    return last_ticket_;
  }
  void Step(Nanos elapsed = kNanosPerMilli) {
    now_ += elapsed;
    const size_t samples = scheduler_->Plan(now_, 512).samples.size();
    scheduler_->Commit(std::vector<absl::StatusOr<int32_t>>(samples, 1), now_);
    for (const TokenEvent& event : scheduler_->TakeEvents()) {
      if (std::holds_alternative<Started>(event.body)) {
        started_.push_back(event.ticket);
      } else if (const auto* delta = std::get_if<Delta>(&event.body)) {
        tokens_[tenants_[event.ticket]] += delta->ids.size();
      }
    }
  }
  std::vector<Ticket> RunAll() {
    while (!scheduler_->idle()) Step();
    return std::exchange(started_, {});
  }

  Vocabulary vocabulary_ = Letters();
  std::unique_ptr<Scheduler> scheduler_;
  Nanos now_ = kNanosPerSecond;
  Ticket last_ticket_ = 0;
  std::vector<Ticket> started_;
  std::map<Ticket, std::string> tenants_;
  std::map<std::string, int64_t> tokens_;
};

TEST_F(SchedulingOrderTest, LeastServedTenantGoesNext) {
  SchedulerOptions options;
  options.max_batch_size = 1;
  Start(options);
  const Ticket a1 = Add("a", 10, 5);
  const Ticket a2 = Add("a", 10, 5);
  const Ticket a3 = Add("a", 10, 5);
  const Ticket b1 = Add("b", 3, 2);
  const Ticket b2 = Add("b", 3, 2);
  const Ticket c1 = Add("c", 3, 2);
  EXPECT_THAT(RunAll(), ElementsAre(a1, b1, c1, b2, a2, a3));
}

TEST_F(SchedulingOrderTest, OneStepAdmitsTenantsInTurn) {
  SchedulerOptions options;
  options.max_batch_size = 4;
  Start(options);
  // Of other lengths, so of other tokens: none waits for another's prefill.
  const Ticket a1 = Add("a", 10, 5);
  const Ticket a2 = Add("a", 11, 5);
  Add("a", 12, 5);
  const Ticket b1 = Add("b", 10, 5);
  const Ticket b2 = Add("b", 11, 5);
  Step();
  EXPECT_THAT(started_, ElementsAre(a1, b1, a2, b2));
  RunAll();
}

TEST_F(SchedulingOrderTest, PriorityClassStandsOverTheTenant) {
  SchedulerOptions options;
  options.max_batch_size = 1;
  Start(options);
  const Ticket a1 = Add("a", 10, 5, Priority::kSystem);
  const Ticket a2 = Add("a", 10, 5, Priority::kSystem);
  const Ticket b1 = Add("b", 3, 2);
  EXPECT_THAT(RunAll(), ElementsAre(a1, a2, b1));
}

TEST_F(SchedulingOrderTest, FloodOfOneTenantLeavesTheOthersTheirShare) {
  SchedulerOptions options;
  options.max_batch_size = 6;
  options.max_queued_requests = 1000;
  Start(options);
  for (int i = 0; i < 500; ++i) Add("flood", 10, 20);
  for (int i = 0; i < 40; ++i) {
    Add("x", 10, 20);
    Add("y", 10, 20);
  }
  while (tokens_["x"] < 600) Step();
  // Within the requests that run at once.
  EXPECT_LE(std::abs(tokens_["x"] - tokens_["flood"]), 6 * 30);
  EXPECT_LE(std::abs(tokens_["x"] - tokens_["y"]), 6 * 30);
}

TEST_F(SchedulingOrderTest, WaitingMovesARequestUp) {
  for (const int32_t aging_ms : {20, 1'000'000}) {
    SchedulerOptions options;
    options.max_batch_size = 1;
    options.priority_aging_ms = aging_ms;
    Start(options);
    started_.clear();
    const Ticket batch = Add("t", 5, 1, Priority::kBatch);
    // The class above never runs dry.
    for (int step = 0; step < 100; ++step) {
      Add("t", 5, 1, Priority::kInteractive);
      Add("t", 5, 1, Priority::kInteractive);
      Step();
    }
    const bool ran = std::count(started_.begin(), started_.end(), batch) > 0;
    EXPECT_EQ(ran, aging_ms == 20);
    if (!ran) continue;
    // One class up it stands before all that came later.
    EXPECT_EQ(started_[19], batch);
  }
}

TEST_F(SchedulingOrderTest, QueuePositionsFollowTheOrder) {
  SchedulerOptions options;
  options.max_batch_size = 1;
  Start(options);
  Add("a", 10, 50);
  Step();
  const Ticket a2 = Add("a", 10, 5);
  const Ticket b1 = Add("b", 10, 5);
  EXPECT_THAT(scheduler_->QueuePositions(),
              ElementsAre(std::make_pair(a2, 0), std::make_pair(b1, 1)));
  Step();
  EXPECT_THAT(scheduler_->QueuePositions(),
              ElementsAre(std::make_pair(b1, 0), std::make_pair(a2, 1)));
  RunAll();
}

TEST_F(SchedulingOrderTest, TokensFromTheCacheCostNothing) {
  SchedulerOptions options;
  options.max_batch_size = 1;
  Start(options);
  // Stays in the queue, so that no account is forgotten.
  const Ticket keeper = Add("keeper", 3, 3);
  scheduler_->SetPaused(keeper, true);
  const auto run = [this](const std::string& tenant, int32_t prompt) {
    Add(tenant, prompt, 1);
    Step();
  };
  run("a", 40);
  run("b", 50);
  run("a", 40);  // from the cache
  const Ticket b = Add("b", 3, 1);
  const Ticket a = Add("a", 3, 1);
  started_.clear();
  Step();
  Step();
  EXPECT_THAT(started_, ElementsAre(a, b));
}

TEST_F(SchedulingOrderTest, TokensThatRunAgainCostNothing) {
  SchedulerOptions options;
  options.prefix_cache = false;
  Start(options, /*blocks=*/8);
  const Ticket keeper = Add("keeper", 3, 3);
  scheduler_->SetPaused(keeper, true);
  Add("a", 20, 30);
  Add("b", 20, 35);
  while (scheduler_->counts().running_requests > 0 || started_.empty()) Step();
  EXPECT_GT(scheduler_->counts().preempted_tokens, 10);
  // 50 tokens against 55, one of which had to run in part again.
  const Ticket b = Add("b", 3, 1);
  const Ticket a = Add("a", 3, 1);
  started_.clear();
  Step();
  EXPECT_THAT(started_, ElementsAre(a, b));
}

}  // namespace
}  // namespace sluice::generator
