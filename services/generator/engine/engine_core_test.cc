#include "services/generator/engine/engine_core.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/error_info.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/scheduler/expected_stream.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

constexpr int32_t kVocabulary = 40;
constexpr int32_t kContext = 200;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1, 'a' + id % 26), id == 0});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

Request Make(RequestFields fields) {
  RequestLimits limits;
  limits.context_length = kContext;
  limits.vocabulary_size = kVocabulary;
  limits.eos_ids = {0};
  auto request = Request::Create(std::move(fields), limits);
  EXPECT_TRUE(request.ok()) << request.status();
  return *std::move(request);
}

RequestFields Fields(const std::string& id, int32_t prompt_tokens,
                     int32_t max_new_tokens) {
  RequestFields fields;
  fields.request_id = id;
  for (int32_t i = 0; i < prompt_tokens; ++i) {
    fields.prompt_ids.push_back((i * 11 + prompt_tokens) % kVocabulary);
  }
  fields.params.max_new_tokens = max_new_tokens;
  fields.params.ignore_eos = true;
  fields.params.seed = 5;
  return fields;
}

// What its reader got.
struct Read {
  std::vector<StreamMessage> messages;
  std::map<int32_t, std::vector<int32_t>> ids;
  std::optional<absl::Status> end;

  template <typename T>
  int Count() const {
    return static_cast<int>(std::count_if(
        messages.begin(), messages.end(),
        [](const auto& m) { return std::holds_alternative<T>(m); }));
  }
};

// A model whose step takes a while of the fake clock, and may fail.
class TimedRunner : public HashRunner {
 public:
  TimedRunner(FakeClock& clock, int32_t blocks)
      : HashRunner(kVocabulary, kContext, blocks, 8), clock_(clock) {}

  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    clock_.Advance(step_time);
    if (fails) return absl::InternalError("out of luck");
    auto logits = HashRunner::Run(plan);
    if (!gives_nan || logits->rows == 0) return logits;
    broken_.assign(logits->values.begin(), logits->values.end());
    broken_[3] = std::numeric_limits<float>::quiet_NaN();
    return LogitsView{logits->rows, kVocabulary, broken_};
  }

  Nanos step_time = kNanosPerMilli;
  bool fails = false;
  bool gives_nan = false;

 private:
  FakeClock& clock_;
  std::vector<float> broken_;
};

class EngineCoreTest : public ::testing::Test {
 protected:
  void Start(EngineOptions options = {}, int32_t blocks = 100) {
    runner_ = std::make_unique<TimedRunner>(clock_, blocks);
    core_ = std::make_unique<EngineCore>(
        options, EngineParts{*runner_, vocabulary_, clock_, metrics_, board_});
    options_ = options;
  }
  std::shared_ptr<Outbox> Submit(RequestFields fields) {
    auto outbox = std::make_shared<Outbox>(
        options_.outbox, [] {}, [] {});
    core_->Submit({Make(std::move(fields)), outbox});
    return outbox;
  }
  void ReadAll(Outbox& outbox, Read& read) {
    while (true) {
      Outbox::Taken taken = outbox.Take();
      if (taken.end.has_value()) read.end = taken.end;
      if (!taken.message.has_value()) return;
      if (const auto* delta = std::get_if<Delta>(&*taken.message)) {
        auto& ids = read.ids[delta->index];
        ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
      }
      read.messages.push_back(*std::move(taken.message));
    }
  }
  Read RunAndRead(Outbox& outbox) {
    Read read;
    while (!read.end.has_value()) {
      core_->Step();
      ReadAll(outbox, read);
    }
    return read;
  }
  BlockCounts Blocks() { return core_->scheduler().block_counts(); }

  FakeClock clock_;
  Vocabulary vocabulary_ = Letters();
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  EngineOptions options_;
  std::unique_ptr<TimedRunner> runner_;
  std::unique_ptr<EngineCore> core_;
};

TEST_F(EngineCoreTest, StreamIsStartedDeltasFinished) {
  Start();
  const RequestFields fields = Fields("r", 10, 7);
  const auto outbox = Submit(fields);
  const Read read = RunAndRead(*outbox);
  EXPECT_TRUE(read.end->ok());
  ASSERT_GE(read.messages.size(), 3u);
  const auto& started = std::get<Started>(read.messages.front());
  EXPECT_EQ(started.prompt_tokens, 10);
  EXPECT_EQ(started.params.seed, 5u);
  EXPECT_EQ(started.params.max_new_tokens, 7);
  const auto& finished = std::get<Finished>(read.messages.back());
  EXPECT_EQ(finished.generated_tokens, 7);
  EXPECT_EQ(finished.ends[0].reason, FinishReason::kLength);
  EXPECT_EQ(finished.decode_time, 6 * kNanosPerMilli);
  EXPECT_EQ(read.ids.at(0),
            ExpectStream(Make(fields), 0, kVocabulary, vocabulary_).shown);
  EXPECT_TRUE(core_->idle());
  EXPECT_EQ(core_->NextWakeup(), kNoDeadline);
}

TEST_F(EngineCoreTest, WaitingStreamHearsItsPositionEachSecond) {
  EngineOptions options;
  options.scheduler.max_batch_size = 1;
  Start(options);
  runner_->step_time = 100 * kNanosPerMilli;
  const auto first = Submit(Fields("a", 5, 40));
  const auto second = Submit(Fields("b", 5, 2));
  Read read;
  Read first_read;
  for (int i = 0; i < 30; ++i) {
    core_->Step();
    ReadAll(*first, first_read);
    ReadAll(*second, read);
  }
  // At once, and then every 800 ms of three seconds.
  EXPECT_EQ(read.Count<Queued>(), 4);
  EXPECT_EQ(read.messages.size(), 4u);
  EXPECT_EQ(std::get<Queued>(read.messages[0]).position, 0);
  EXPECT_EQ(first_read.Count<Queued>(), 0);
}

TEST_F(EngineCoreTest, StreamWithNothingToSayIsAliveEachSecond) {
  EngineOptions options;
  options.scheduler.max_step_rows = 64;
  Start(options, /*blocks=*/30);
  runner_->step_time = 400 * kNanosPerMilli;
  RequestFields fields = Fields("a", 5, 30);
  // Whatever is generated may still become this stop, so nothing is shown.
  fields.params.stop = {std::string(30, 'b')};
  fields.params.temperature = 0;
  const auto outbox = Submit(fields);
  Read read;
  Nanos last = clock_.Now();
  while (!read.end.has_value()) {
    core_->Step();
    const size_t before = read.messages.size();
    ReadAll(*outbox, read);
    if (read.messages.size() > before) {
      EXPECT_LE(clock_.Now() - last, kNanosPerSecond);
      last = clock_.Now();
    }
  }
  EXPECT_TRUE(read.end->ok());
}

TEST_F(EngineCoreTest, CancelFreesBlocksWithinAStep) {
  Start();
  const auto kept = Submit(Fields("a", 20, 10));
  RequestFields other = Fields("b", 20, 100);
  other.prompt_ids[0] += 1;
  const auto cancelled = Submit(other);
  core_->Step();
  EXPECT_EQ(Blocks().active, 6);
  cancelled->Cancel();
  core_->Step();
  EXPECT_EQ(Blocks().active, 3);
  Read read;
  ReadAll(*cancelled, read);
  EXPECT_EQ(read.end->code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(RunAndRead(*kept).end->ok());
  EXPECT_EQ(metrics_.cancelled.With({"decode"}).Value(), 1);
  EXPECT_GE(metrics_.wasted_tokens.With({"cancelled"}).Value(), 20);
  EXPECT_EQ(metrics_.requests.With({"CANCELLED", ""}).Value(), 1);
  EXPECT_EQ(metrics_.requests.With({"OK", "length"}).Value(), 1);
}

TEST_F(EngineCoreTest, CancelsAtRandomPointsLeaveNoActiveBlock) {
  Start({}, /*blocks=*/40);
  std::mt19937 random(8);
  std::vector<std::shared_ptr<Outbox>> outboxes;
  for (int i = 0; i < 2000; ++i) {
    RequestFields fields =
        Fields("r" + std::to_string(i), 1 + random() % 60, 1 + random() % 60);
    fields.n = 1 + random() % 3;
    outboxes.push_back(Submit(std::move(fields)));
    if (random() % 2) core_->Step();
    if (random() % 2) outboxes[random() % outboxes.size()]->Cancel();
  }
  for (const auto& outbox : outboxes) outbox->Cancel();
  core_->Step();
  EXPECT_TRUE(core_->idle());
  EXPECT_EQ(Blocks().active, 0);
  int ended = 0;
  for (const auto& outbox : outboxes) {
    Read read;
    ReadAll(*outbox, read);
    ended += read.end.has_value();
  }
  EXPECT_EQ(ended, 2000);
}

TEST_F(EngineCoreTest, SlowReaderIsPausedAndNobodyElseIs) {
  EngineOptions options;
  options.outbox.max_pending_ids = 10;
  Start(options);
  const RequestFields fields = Fields("slow", 5, 60);
  const auto slow = Submit(fields);
  const auto fast = Submit(Fields("fast", 6, 60));
  Read fast_read;
  for (int i = 0; i < 65; ++i) {
    core_->Step();
    ReadAll(*fast, fast_read);
  }
  EXPECT_TRUE(fast_read.end.has_value());
  EXPECT_EQ(core_->scheduler().counts().paused_requests, 1);
  EXPECT_FALSE(core_->Step());
  EXPECT_EQ(board_.Read().paused_requests, 1);
  // It reads again: all of the stream arrives.
  Read read;
  ReadAll(*slow, read);
  EXPECT_EQ(read.ids.at(0).size(), 10u);
  while (!read.end.has_value()) {
    core_->Step();
    ReadAll(*slow, read);
  }
  EXPECT_TRUE(read.end->ok());
  EXPECT_EQ(read.ids.at(0),
            ExpectStream(Make(fields), 0, kVocabulary, vocabulary_).shown);
}

TEST_F(EngineCoreTest, ReaderThatStaysSlowLosesItsRequest) {
  EngineOptions options;
  options.outbox.max_pending_ids = 10;
  Start(options);
  const auto slow = Submit(Fields("slow", 5, 60));
  for (int i = 0; i < 20; ++i) core_->Step();
  EXPECT_FALSE(core_->Step());
  EXPECT_LE(core_->NextWakeup(), clock_.Now() + 30 * kNanosPerSecond);
  clock_.Advance(30 * kNanosPerSecond);
  core_->Step();
  Read read;
  ReadAll(*slow, read);
  EXPECT_EQ(read.end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(*read.end), "SLOW_READER");
  EXPECT_EQ(Blocks().active, 0);
}

TEST_F(EngineCoreTest, HigherAttemptEndsTheLowerAndNotTheOtherWayRound) {
  Start();
  RequestFields fields = Fields("same", 5, 20);
  const auto first = Submit(fields);
  core_->Step();
  const auto again = Submit(fields);
  Read read;
  ReadAll(*again, read);
  EXPECT_EQ(read.end->code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(read.end->message()),
              HasSubstr("attempt: not newer than the one in flight, got 1, "
                        "limit above 1"));
  fields.attempt = 2;
  const auto second = Submit(fields);
  Read old;
  ReadAll(*first, old);
  EXPECT_EQ(old.end->code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(RunAndRead(*second).end->ok());
  // The name is free again.
  EXPECT_TRUE(RunAndRead(*Submit(Fields("same", 5, 3))).end->ok());
  EXPECT_EQ(metrics_.rejected.With({"already_exists"}).Value(), 1);
}

TEST_F(EngineCoreTest, NanEndsThatRequestAndFailedStepItsRequests) {
  Start();
  const auto nan = Submit(Fields("nan", 5, 20));
  runner_->gives_nan = true;
  core_->Step();
  Read read;
  ReadAll(*nan, read);
  EXPECT_EQ(read.end->code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(read.end->message()), HasSubstr("NaN at id 3"));
  runner_->gives_nan = false;
  const auto failing = Submit(Fields("fails", 5, 20));
  runner_->fails = true;
  core_->Step();
  read = {};
  ReadAll(*failing, read);
  EXPECT_EQ(read.end->code(), absl::StatusCode::kInternal);
  runner_->fails = false;
  EXPECT_TRUE(RunAndRead(*Submit(Fields("works", 5, 3))).end->ok());
  EXPECT_EQ(Blocks().active, 0);
}

TEST_F(EngineCoreTest, AloneAndTogetherGiveTheSameIds) {
  Start({}, /*blocks=*/24);
  std::vector<RequestFields> all;
  std::vector<std::shared_ptr<Outbox>> outboxes;
  for (int i = 0; i < 32; ++i) {
    all.push_back(Fields("r" + std::to_string(i), 3 + i, 90 - i));
    outboxes.push_back(Submit(all.back()));
  }
  while (core_->Step()) {
  }
  EXPECT_TRUE(core_->idle());
  for (size_t i = 0; i < all.size(); ++i) {
    Read read;
    ReadAll(*outboxes[i], read);
    ASSERT_TRUE(read.end.has_value() && read.end->ok());
    EXPECT_EQ(read.ids.at(0),
              ExpectStream(Make(all[i]), 0, kVocabulary, vocabulary_).shown);
  }
  EXPECT_GT(metrics_.preemptions.Get().Value(), 0);
}

TEST_F(EngineCoreTest, AbortAllEndsEveryStream) {
  Start();
  const auto one = Submit(Fields("a", 5, 20));
  core_->Step();
  core_->AbortAll(absl::UnavailableError("bye"));
  Read read;
  ReadAll(*one, read);
  EXPECT_EQ(read.end->code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(core_->idle());
  EXPECT_EQ(Blocks().active, 0);
}

}  // namespace
}  // namespace sluice::generator
