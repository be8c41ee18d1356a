#include "services/generator/engine/engine.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/error_info.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/scheduler/expected_stream.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {
namespace {

constexpr int32_t kVocabulary = 40;
constexpr int32_t kContext = 400;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1, 'a' + id % 26), id == 0});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

Request Make(const std::string& id, int32_t prompt_tokens,
             int32_t max_new_tokens) {
  RequestLimits limits;
  limits.context_length = kContext;
  limits.vocabulary_size = kVocabulary;
  RequestFields fields;
  fields.request_id = id;
  fields.prompt_ids.assign(prompt_tokens, 7);
  fields.params.max_new_tokens = max_new_tokens;
  fields.params.seed = 5;
  return *Request::Create(std::move(fields), limits);
}

// Waits for its stream from another thread.
class Reader {
 public:
  std::function<void()> on_ready() {
    return [this] {
      absl::MutexLock lock(&mutex_);
      ready_ = true;
    };
  }
  // The ids of all deltas, and the end.
  std::pair<std::vector<int32_t>, absl::Status> ReadToEnd(Outbox& outbox) {
    std::vector<int32_t> ids;
    while (true) {
      Outbox::Taken taken = outbox.Take();
      if (taken.end.has_value()) return {ids, *taken.end};
      if (!taken.message.has_value()) {
        Wait();
        continue;
      }
      const auto* delta = std::get_if<Delta>(&*taken.message);
      if (delta == nullptr) continue;
      ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
    }
  }
  void Wait() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&ready_));
    ready_ = false;
  }

 private:
  absl::Mutex mutex_;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
};

// Stands still inside a step until it is let go.
class GatedRunner : public HashRunner {
 public:
  using HashRunner::HashRunner;
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    if (!entered.HasBeenNotified()) entered.Notify();
    gate.WaitForNotification();
    return HashRunner::Run(plan);
  }
  absl::Notification entered;
  absl::Notification gate;
};

class EngineTest : public ::testing::Test {
 protected:
  // Everything that the engine is lent lives as long as the fixture.
  template <typename Runner>
  Runner& Start(EngineOptions options = {}) {
    auto runner = std::make_unique<Runner>(kVocabulary, kContext, 60, 8);
    Runner& lent = *runner;
    runner_ = std::move(runner);
    engine_ = std::make_unique<Engine>(
        options, EngineParts{lent, vocabulary_, clock(), metrics_, board_});
    return lent;
  }
  virtual const Clock& clock() { return clock_; }

  MonotonicClock clock_;
  Vocabulary vocabulary_ = Letters();
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  std::unique_ptr<ModelRunner> runner_;
  std::unique_ptr<Engine> engine_;
};

class EngineOnFakeClockTest : public EngineTest {
 protected:
  const Clock& clock() override { return fake_clock_; }
  // The engine reads the clock until it is gone.
  ~EngineOnFakeClockTest() override { engine_.reset(); }

  FakeClock fake_clock_;
};

TEST_F(EngineTest, ManyThreadsGetTheirOwnStreams) {
  Start<HashRunner>();
  {
    std::vector<NamedThread> clients;
    for (int c = 0; c < 8; ++c) {
      clients.emplace_back("client", [this, c] {
        for (int i = 0; i < 20; ++i) {
          const Request request =
              Make(std::to_string(c) + "-" + std::to_string(i), 1 + c + i, 40);
          Reader reader;
          const auto outbox = engine_->Submit(request, reader.on_ready());
          ASSERT_TRUE(outbox.ok()) << outbox.status();
          const auto [ids, end] = reader.ReadToEnd(**outbox);
          ASSERT_TRUE(end.ok()) << end;
          ASSERT_EQ(ids,
                    ExpectStream(request, 0, kVocabulary, vocabulary_).shown);
        }
      });
    }
  }
  engine_.reset();
  EXPECT_EQ(board_.Read().blocks.active, 0);
  EXPECT_EQ(metrics_.requests.With({"OK", "length"}).Value(), 160);
}

TEST_F(EngineTest, CancelFromAnotherThreadEndsTheStream) {
  Start<HashRunner>();
  for (int i = 0; i < 50; ++i) {
    Reader reader;
    const auto outbox =
        engine_->Submit(Make(std::to_string(i), 5, 300), reader.on_ready());
    ASSERT_TRUE(outbox.ok());
    if (i % 2) reader.Wait();
    (*outbox)->Cancel();
    const absl::Status end = reader.ReadToEnd(**outbox).second;
    EXPECT_TRUE(end.ok() || absl::IsCancelled(end)) << end;
  }
}

TEST_F(EngineTest, FullMailboxRefusesWithARetryDelay) {
  EngineOptions options;
  options.max_mailbox = 2;
  GatedRunner& runner = Start<GatedRunner>(options);
  Reader readers[3];
  std::vector<std::shared_ptr<Outbox>> outboxes;
  outboxes.push_back(*engine_->Submit(Make("a", 3, 3), readers[0].on_ready()));
  runner.entered.WaitForNotification();
  outboxes.push_back(*engine_->Submit(Make("b", 3, 3), readers[1].on_ready()));
  outboxes.push_back(*engine_->Submit(Make("c", 3, 3), readers[2].on_ready()));
  const absl::Status refused = engine_->Submit(Make("d", 3, 3), [] {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryDelayOf(refused), kNanosPerSecond);
  EXPECT_TRUE(board_.Read().busy);
  runner.gate.Notify();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(readers[i].ReadToEnd(*outboxes[i]).second.ok());
  }
}

TEST_F(EngineTest, FullQueueRefusesWithoutWaitingForTheStep) {
  EngineOptions options;
  options.scheduler.max_queued_requests = 2;
  GatedRunner& runner = Start<GatedRunner>(options);
  Reader reader;
  std::vector<std::shared_ptr<Outbox>> accepted;
  accepted.push_back(*engine_->Submit(Make("first", 5, 3), reader.on_ready()));
  runner.entered.WaitForNotification();
  // The step stands still, and the first request is in it.
  for (const char* id : {"second", "third"}) {
    const auto outbox = engine_->Submit(Make(id, 5, 3), [] {});
    ASSERT_TRUE(outbox.ok()) << outbox.status();
    accepted.push_back(*outbox);
  }
  const absl::Status refused =
      engine_->Submit(Make("fourth", 5, 3), [] {}).status();
  EXPECT_EQ(ReasonOf(refused), std::string(kReasonQueueFull));
  EXPECT_EQ(RetryDelayOf(refused), kNanosPerSecond);
  runner.gate.Notify();
  EXPECT_TRUE(reader.ReadToEnd(*accepted[0]).second.ok());
}

TEST_F(EngineTest, DrainingRefusesNewRequestsAndFinishesOldOnes) {
  GatedRunner& runner = Start<GatedRunner>();
  Reader reader;
  const auto outbox = *engine_->Submit(Make("a", 3, 30), reader.on_ready());
  runner.entered.WaitForNotification();
  engine_->Drain();
  const absl::Status refused = engine_->Submit(Make("b", 3, 3), [] {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), std::string(kReasonDraining));
  runner.gate.Notify();
  EXPECT_TRUE(reader.ReadToEnd(*outbox).second.ok());
}

TEST_F(EngineTest, DestructionEndsWhatStillRuns) {
  Start<HashRunner>();
  Reader reader;
  const auto outbox = *engine_->Submit(Make("a", 3, 390), reader.on_ready());
  engine_.reset();
  const absl::Status end = reader.ReadToEnd(*outbox).second;
  EXPECT_TRUE(end.ok() || absl::IsUnavailable(end)) << end;
}

TEST_F(EngineOnFakeClockTest, RestingEngineIsHealthyAndAStuckOneIsNot) {
  GatedRunner& runner = Start<GatedRunner>();
  fake_clock_.Advance(1000 * kNanosPerSecond);
  Reader reader;
  const auto outbox = *engine_->Submit(Make("a", 3, 3), reader.on_ready());
  runner.entered.WaitForNotification();
  EXPECT_TRUE(engine_->Healthy().ok());
  fake_clock_.Advance(61 * kNanosPerSecond);
  const absl::Status stuck = engine_->Healthy();
  EXPECT_EQ(stuck.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(stuck.message()),
              ::testing::HasSubstr("engine: no step, got 61000 ms, limit"));
  runner.gate.Notify();
  EXPECT_TRUE(reader.ReadToEnd(*outbox).second.ok());
}

// Each step takes as long as the test says.
class PacedRunner : public HashRunner {
 public:
  using HashRunner::HashRunner;
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    clock->Advance(step);
    if (stuck_at-- == 0) {
      entered.Notify();
      gate.WaitForNotification();
    }
    return HashRunner::Run(plan);
  }
  FakeClock* clock = nullptr;
  Nanos step = 0;
  int stuck_at = 0;
  absl::Notification entered;
  absl::Notification gate;
};

TEST_F(EngineOnFakeClockTest, TheStallLimitFollowsTheTimeOfASlowStep) {
  fake_clock_.Advance(1);  // 0 means rest
  PacedRunner& runner = Start<PacedRunner>();
  runner.clock = &fake_clock_;
  runner.step = 2 * kNanosPerSecond;
  runner.stuck_at = 3;
  Reader reader;
  const auto outbox = *engine_->Submit(Make("a", 3, 8), reader.on_ready());
  runner.entered.WaitForNotification();
  // 2 s of this step have passed, and 20 steps are 40 s.
  fake_clock_.Advance(38 * kNanosPerSecond);
  EXPECT_TRUE(engine_->Healthy().ok()) << engine_->Healthy();
  fake_clock_.Advance(1);
  EXPECT_EQ(engine_->Healthy().code(), absl::StatusCode::kUnavailable);
  runner.gate.Notify();
  EXPECT_TRUE(reader.ReadToEnd(*outbox).second.ok());
}

TEST_F(EngineOnFakeClockTest, FastStepsLeaveTheFloorOfTheStallLimit) {
  fake_clock_.Advance(1);
  PacedRunner& runner = Start<PacedRunner>();
  runner.clock = &fake_clock_;
  runner.step = kNanosPerMilli;
  runner.stuck_at = 3;
  Reader reader;
  const auto outbox = *engine_->Submit(Make("a", 3, 8), reader.on_ready());
  runner.entered.WaitForNotification();
  fake_clock_.Advance(9'999 * kNanosPerMilli);
  EXPECT_TRUE(engine_->Healthy().ok()) << engine_->Healthy();
  fake_clock_.Advance(1);
  EXPECT_EQ(engine_->Healthy().code(), absl::StatusCode::kUnavailable);
  runner.gate.Notify();
  EXPECT_TRUE(reader.ReadToEnd(*outbox).second.ok());
}

}  // namespace
}  // namespace sluice::generator
