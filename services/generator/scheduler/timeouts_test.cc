// What becomes of requests that wait: deadlines and timeouts, refused at once
// when the measured rates say so and kept within a step otherwise.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/error_info.h"
#include "gtest/gtest.h"
#include "services/generator/scheduler/scheduler.h"

namespace sluice::generator {
namespace {

constexpr int32_t kVocabulary = 30;
constexpr Nanos kMilli = kNanosPerMilli;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1, 'a' + id % 26), id == 0});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

// No model: every token is the same and every step takes 100 ms.
class TimeoutsTest : public ::testing::Test {
 protected:
  void Start(SchedulerOptions options) {
    scheduler_ = std::make_unique<Scheduler>(
        options, SchedulerModel{500, 8, kVocabulary}, vocabulary_);
  }
  RequestFields Fields(int32_t prompt_tokens = 4, int32_t new_tokens = 2) {
    RequestFields fields;
    fields.request_id = "r";
    // Different ones, or the prefix cache would have them.
    for (int32_t i = 0; i < prompt_tokens; ++i) {
      fields.prompt_ids.push_back(++drawn_ * 7 % kVocabulary);
    }
    fields.params.max_new_tokens = new_tokens;
    fields.params.ignore_eos = true;
    return fields;
  }
  absl::Status Submit(const RequestFields& fields) {
    RequestLimits limits;
    limits.context_length = 1000;
    limits.vocabulary_size = kVocabulary;
    return scheduler_->Submit(++last_ticket_, *Request::Create(fields, limits),
                              now_);
  }
  Ticket Add(const RequestFields& fields) {
    EXPECT_TRUE(Submit(fields).ok());
    return last_ticket_;
  }
  void Step(int32_t prefill_rows = 512) {
    const size_t samples = scheduler_->Plan(now_, prefill_rows).samples.size();
    now_ += 100 * kMilli;
    scheduler_->Commit(std::vector<absl::StatusOr<int32_t>>(samples, 1), now_);
    for (const TokenEvent& event : scheduler_->TakeEvents()) {
      if (const auto* failed = std::get_if<Failed>(&event.body)) {
        ended_[event.ticket] = failed->status;
      } else if (std::holds_alternative<Finished>(event.body)) {
        ended_[event.ticket] = absl::OkStatus();
      }
    }
  }
  std::string ReasonOfEnd(Ticket ticket) {
    const auto found = ended_.find(ticket);
    if (found == ended_.end()) return "alive";
    return ReasonOf(found->second).value_or(found->second.ToString());
  }
  // One slot, requests of five steps each, until rates are known.
  void MeasureQueue() {
    for (int i = 0; i < 12; ++i) Add(Fields(4, 5));
    for (int i = 0; i < 50; ++i) Step();
  }

  Vocabulary vocabulary_ = Letters();
  std::unique_ptr<Scheduler> scheduler_;
  Nanos now_ = kNanosPerSecond;
  int32_t drawn_ = 0;
  Ticket last_ticket_ = 0;
  std::map<Ticket, absl::Status> ended_;
};

SchedulerOptions OneSlot() {
  SchedulerOptions options;
  options.max_batch_size = 1;
  return options;
}

TEST_F(TimeoutsTest, RequestThatWaitsTooLongForItsFirstStepEnds) {
  Start(OneSlot());
  Add(Fields(4, 10));
  RequestFields fields = Fields();
  fields.queue_timeout_ms = 250;
  const Ticket waits = Add(fields);
  fields.queue_timeout_ms = 1200;
  const Ticket patient = Add(fields);
  EXPECT_EQ(scheduler_->NextDeadline(), now_ + 250 * kMilli);
  for (int i = 0; i < 3; ++i) Step();
  EXPECT_EQ(ReasonOfEnd(waits), "alive");
  Step();
  EXPECT_EQ(ReasonOfEnd(waits), "QUEUE_TIMEOUT");
  EXPECT_EQ(ended_[waits].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryDelayOf(ended_[waits]), kNanosPerSecond);
  while (!scheduler_->idle()) Step();
  EXPECT_EQ(ReasonOfEnd(patient), "OK");
}

TEST_F(TimeoutsTest, QueueTimeoutEndsWithTheFirstStep) {
  Start(OneSlot());
  RequestFields fields = Fields(4, 20);
  fields.queue_timeout_ms = 100;
  const Ticket ticket = Add(fields);
  while (!scheduler_->idle()) Step();
  EXPECT_EQ(ReasonOfEnd(ticket), "OK");
}

TEST_F(TimeoutsTest, FirstTokenTimeoutCoversThePrefillToo) {
  Start(OneSlot());
  RequestFields fields = Fields(40, 2);
  fields.first_token_timeout_ms = 350;
  const Ticket ticket = Add(fields);
  for (int i = 0; i < 4; ++i) Step(/*prefill_rows=*/4);
  EXPECT_EQ(ReasonOfEnd(ticket), "alive");
  Step(4);
  EXPECT_EQ(ReasonOfEnd(ticket), "FIRST_TOKEN_TIMEOUT");
  EXPECT_TRUE(RetryDelayOf(ended_[ticket]).has_value());
  EXPECT_EQ(scheduler_->block_counts().active, 0);
}

TEST_F(TimeoutsTest, FirstTokenTimeoutEndsWithTheFirstToken) {
  Start(OneSlot());
  RequestFields fields = Fields(4, 20);
  fields.first_token_timeout_ms = 150;
  const Ticket ticket = Add(fields);
  while (!scheduler_->idle()) Step();
  EXPECT_EQ(ReasonOfEnd(ticket), "OK");
}

TEST_F(TimeoutsTest, OperatorsTimeoutHoldsForEveryRequest) {
  SchedulerOptions options = OneSlot();
  options.queue_timeout_ms = 250;
  Start(options);
  Add(Fields(4, 10));
  RequestFields fields = Fields();
  const Ticket waits = Add(fields);
  fields.queue_timeout_ms = 100'000;
  const Ticket asks_for_more = Add(fields);
  for (int i = 0; i < 4; ++i) Step();
  EXPECT_EQ(ReasonOfEnd(waits), "QUEUE_TIMEOUT");
  EXPECT_EQ(ReasonOfEnd(asks_for_more), "QUEUE_TIMEOUT");
}

TEST_F(TimeoutsTest, WhatTheMeasuredQueueCannotStartInTimeIsRefusedAtOnce) {
  Start(OneSlot());
  MeasureQueue();
  const int32_t queued = scheduler_->counts().queued_requests;
  ASSERT_GE(queued, 1);
  // Two starts a second: the queue alone takes half a second each.
  RequestFields fields = Fields();
  fields.queue_timeout_ms = queued * 100;
  const absl::Status refused = Submit(fields);
  EXPECT_EQ(ReasonOf(refused), std::string(kReasonDeadlineUnmeetable));
  EXPECT_GE(*RetryDelayOf(refused), kNanosPerSecond);
  fields = Fields();
  fields.deadline = now_ + queued * 100 * kMilli;
  EXPECT_EQ(ReasonOf(Submit(fields)), std::string(kReasonDeadlineUnmeetable));
  fields = Fields();
  fields.queue_timeout_ms = queued * 1000;
  EXPECT_TRUE(Submit(fields).ok());
}

TEST_F(TimeoutsTest, TenantWithAShortQueueIsNotRefusedForALongOne) {
  Start(OneSlot());
  MeasureQueue();
  RequestFields fields = Fields();
  fields.queue_timeout_ms = 100;
  EXPECT_FALSE(Submit(fields).ok());
  fields.tenant = "other";
  EXPECT_TRUE(Submit(fields).ok());
}

TEST_F(TimeoutsTest, RoomToldIsTheRoomThereIs) {
  SchedulerOptions options = OneSlot();
  Start(options);
  EXPECT_EQ(scheduler_->Room(now_).requests, options.max_queued_requests);
  EXPECT_EQ(scheduler_->Room(now_).others[1], QueueRoom::kEndless);
  options.queue_timeout_ms = 8000;
  Start(options);
  MeasureQueue();
  // Two starts a second: twelve or so may wait.
  const QueueRoom room = scheduler_->Room(now_);
  const int32_t more = room.tenants.at({"", 1});
  ASSERT_GT(more, 0);
  for (int32_t i = 0; i < more; ++i) EXPECT_TRUE(Submit(Fields()).ok());
  EXPECT_FALSE(Submit(Fields()).ok());
  EXPECT_EQ(scheduler_->Room(now_).tenants.at({"", 1}), 0);
  EXPECT_GT(scheduler_->Room(now_).others[1], 0);
}

TEST_F(TimeoutsTest, LoudTenantIsRefusedWhatItsOwnTurnsAreTooSlowFor) {
  SchedulerOptions options = OneSlot();
  options.queue_timeout_ms = 8000;
  Start(options);
  RequestFields loud = Fields(4, 5), calm = Fields(4, 5);
  loud.tenant = "loud";
  for (int i = 0; i < 12; ++i) Submit(loud).IgnoreError();
  // Two starts a second, in turns with four that never have more than one in
  // the queue: what they will send is in no queue yet.
  for (int i = 0; i < 100; ++i) {
    for (const char* tenant : {"a", "b", "c", "d"}) {
      calm = Fields(4, 5);
      calm.tenant = tenant;
      bool waits = false;
      for (const auto& [ticket, live] : scheduler_->requests()) {
        waits = waits || live->request.tenant() == tenant;
      }
      if (!waits) EXPECT_TRUE(Submit(calm).ok()) << tenant;
    }
    loud.prompt_ids = Fields(4, 5).prompt_ids;
    Submit(loud).IgnoreError();
    Step();
  }
  int32_t queued = 0;
  for (const auto& [ticket, live] : scheduler_->requests()) {
    queued += !live->started && live->request.tenant() == "loud";
  }
  EXPECT_NEAR(scheduler_->rates(now_).starts_per_second, 2, 0.3);
  EXPECT_NEAR(scheduler_->StartsPerSecond("loud", now_), 0.4, 0.3);
  EXPECT_EQ(scheduler_->Room(now_).tenants.at({"loud", 1}), 0);
  EXPECT_EQ(ReasonOf(Submit(loud)), std::string(kReasonDeadlineUnmeetable));
  EXPECT_GE(queued, 1);
  EXPECT_LE(queued, 5);
  EXPECT_GT(scheduler_->Room(now_).tenants.at({"a", 1}), 0);
}

TEST_F(TimeoutsTest, PromptTooLongForTheMeasuredPrefillIsRefusedUnlessCached) {
  SchedulerOptions options;
  Start(options);
  // 40 rows a step: 400 tokens a second.
  const RequestFields known = Fields(400, 1);
  Add(known);
  while (!scheduler_->idle()) Step(/*prefill_rows=*/40);
  RequestFields fields = Fields(400, 1);
  fields.first_token_timeout_ms = 500;
  EXPECT_EQ(ReasonOf(Submit(fields)), std::string(kReasonDeadlineUnmeetable));
  fields.prompt_ids = known.prompt_ids;
  EXPECT_TRUE(Submit(fields).ok());
}

SchedulerOptions Batches() {
  SchedulerOptions options;
  options.min_batch_size = 3;
  options.batch_timeout_ms = 250;
  return options;
}

TEST_F(TimeoutsTest, IdleEngineWaitsForABatchOfTheLeastSize) {
  Start(Batches());
  Add(Fields());
  Add(Fields());
  EXPECT_EQ(scheduler_->NextDeadline(), now_ + 250 * kMilli);
  Step();
  EXPECT_TRUE(scheduler_->running().empty());
  Add(Fields());
  Step();
  EXPECT_EQ(scheduler_->running().size(), 3u);
  while (!scheduler_->idle()) Step();
}

TEST_F(TimeoutsTest, BatchStartsWithFewerAfterItsTimeout) {
  Start(Batches());
  Add(Fields());
  for (int i = 0; i < 3; ++i) {
    Step();
    EXPECT_TRUE(scheduler_->running().empty());
  }
  Step();
  EXPECT_EQ(scheduler_->running().size(), 1u);
  while (!scheduler_->idle()) Step();
}

TEST_F(TimeoutsTest, WhatRunsIsNotHeldUpAndTakesNewcomersAlong) {
  Start(Batches());
  for (int i = 0; i < 3; ++i) Add(Fields(4, 20));
  Step();
  Add(Fields(4, 20));
  Step();
  EXPECT_EQ(scheduler_->running().size(), 4u);
  for (Ticket ticket = 1; ticket <= 3; ++ticket) {
    scheduler_->Abort(ticket, absl::CancelledError("gone"));
  }
  Step();
  EXPECT_EQ(scheduler_->running().size(), 1u);
  while (!scheduler_->idle()) Step();
}

TEST_F(TimeoutsTest, OutputThatMustComeCountsAgainstTheDeadline) {
  Start(OneSlot());
  Add(Fields(4, 50));
  while (!scheduler_->idle()) Step();
  RequestFields fields = Fields(4, 100);
  fields.deadline = now_ + 5 * kNanosPerSecond;
  EXPECT_EQ(ReasonOf(Submit(fields)), std::string(kReasonDeadlineUnmeetable));
  fields.params.ignore_eos = false;
  EXPECT_TRUE(Submit(fields).ok());
}

}  // namespace
}  // namespace sluice::generator
