#include "services/generator/scheduler/scheduler.h"

#include <algorithm>
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int32_t kVocabulary = 40;
constexpr int32_t kContext = 120;
constexpr int32_t kEos = 0;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1 + id % 2, 'a' + id % 7), id == kEos});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

RequestLimits Limits() {
  RequestLimits limits;
  limits.context_length = kContext;
  limits.vocabulary_size = kVocabulary;
  limits.eos_ids = {kEos};
  return limits;
}

// What a client of one request saw.
struct Stream {
  bool started = false;
  std::map<int32_t, std::vector<int32_t>> ids;
  std::map<int32_t, SequenceEnd> ends;
  std::optional<Finished> finished;
  std::optional<Failed> failed;
  int ended = 0;
};

// The engine's loop, one step at a time.
class Loop {
 public:
  Loop(const SchedulerOptions& options, int32_t blocks, int32_t block_size)
      : vocabulary_(Letters()),
        runner_(kVocabulary, kContext, blocks, block_size),
        scheduler_(options, {blocks, block_size, kVocabulary}, vocabulary_) {}

  Ticket Add(Request request) {
    const Ticket ticket = ++last_ticket_;
    EXPECT_TRUE(scheduler_.Submit(ticket, std::move(request), now_).ok());
    return ticket;
  }

  void Step(int32_t prefill_rows = 512) {
    now_ += kNanosPerMilli;
    const PlannedStep& step = scheduler_.Plan(now_, prefill_rows);
    last_rows_ = step.decode_rows + step.prefill_rows;
    last_prefill_rows_ = step.prefill_rows;
    if (!step.plan.sequences.empty()) {
      const auto logits = runner_.Run(step.plan);
      std::vector<absl::StatusOr<int32_t>> tokens;
      for (size_t i = 0; i < step.samples.size(); ++i) {
        tokens.push_back(sampler_.Sample(
            logits->Row(i), *step.samples[i].params, step.samples[i].point));
      }
      generated_ += scheduler_.Commit(tokens, now_).generated_tokens;
    }
    Collect();
  }

  void RunAll() {
    for (int steps = 0; !scheduler_.idle(); ++steps) {
      ASSERT_LT(steps, 100000) << "no end in sight";
      Step();
    }
  }

  void Collect() {
    for (TokenEvent& event : scheduler_.TakeEvents()) {
      Stream& stream = streams_[event.ticket];
      ASSERT_EQ(stream.ended, 0) << "an event after the end";
      if (std::holds_alternative<Started>(event.body)) {
        ASSERT_FALSE(stream.started);
        stream.started = true;
      } else if (auto* delta = std::get_if<Delta>(&event.body)) {
        ASSERT_TRUE(stream.started);
        ASSERT_EQ(stream.ends.count(delta->index), 0u);
        auto& ids = stream.ids[delta->index];
        ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
        if (delta->end) stream.ends[delta->index] = *delta->end;
      } else if (auto* finished = std::get_if<Finished>(&event.body)) {
        stream.finished = *finished;
        ++stream.ended;
      } else if (auto* failed = std::get_if<Failed>(&event.body)) {
        stream.failed = *failed;
        ++stream.ended;
      }
    }
  }

  Vocabulary vocabulary_;
  HashRunner runner_;
  Scheduler scheduler_;
  Sampler sampler_;
  std::map<Ticket, Stream> streams_;
  Ticket last_ticket_ = 0;
  Nanos now_ = kNanosPerSecond;
  int32_t last_rows_ = 0;
  int32_t last_prefill_rows_ = 0;
  int64_t generated_ = 0;
};

Request Make(RequestFields fields) {
  fields.request_id = "r";
  auto request = Request::Create(std::move(fields), Limits());
  EXPECT_TRUE(request.ok()) << request.status();
  return *std::move(request);
}

Request Simple(int32_t prompt_tokens, int32_t max_new_tokens, int32_t n = 1) {
  RequestFields fields;
  for (int32_t i = 0; i < prompt_tokens; ++i) {
    fields.prompt_ids.push_back(1 + (i * 7) % (kVocabulary - 1));
  }
  fields.params.max_new_tokens = max_new_tokens;
  fields.params.ignore_eos = true;
  fields.params.seed = 9;
  fields.n = n;
  return Make(std::move(fields));
}

RequestFields RandomFields(std::mt19937& random, int32_t max_tokens) {
  RequestFields fields;
  fields.prompt_ids.resize(1 + random() % max_tokens);
  for (int32_t& id : fields.prompt_ids) id = random() % kVocabulary;
  fields.params.seed = random();
  fields.params.max_new_tokens = 1 + random() % max_tokens;
  if (random() % 3 == 0) fields.params.temperature = 0.0f;
  if (random() % 3 == 0) fields.params.top_k = 1 + random() % 10;
  if (random() % 3 == 0) fields.params.top_p = 0.9f;
  if (random() % 3 == 0) fields.params.repetition_penalty = 1.3f;
  if (random() % 3 == 0) fields.params.stop = {"abc", "gg", "fa"};
  if (random() % 5 == 0) fields.params.stop_token_ids = {3, 17};
  if (random() % 5 == 0) fields.params.ignore_eos = true;
  if (random() % 5 == 0) {
    fields.params.min_new_tokens =
        random() % (*fields.params.max_new_tokens + 1);
  }
  if (random() % 4 == 0) fields.n = 1 + random() % 4;
  fields.priority = static_cast<Priority>(random() % 3);
  return fields;
}

void ExpectSame(const Stream& stream, const Request& request,
                const Vocabulary& vocabulary) {
  ASSERT_TRUE(stream.finished.has_value());
  ASSERT_FALSE(stream.failed.has_value());
  int32_t generated = 0;
  for (int32_t index = 0; index < request.n(); ++index) {
    const ExpectedStream expected =
        ExpectStream(request, index, kVocabulary, vocabulary);
    const auto ids = stream.ids.find(index);
    ASSERT_EQ(ids == stream.ids.end() ? std::vector<int32_t>{} : ids->second,
              expected.shown);
    ASSERT_EQ(stream.ends.at(index).reason, expected.end.reason);
    ASSERT_EQ(stream.ends.at(index).matched_stop, expected.end.matched_stop);
    ASSERT_EQ(stream.ends.at(index).trim_bytes, expected.end.trim_bytes);
    generated += expected.generated;
  }
  ASSERT_EQ(stream.finished->generated_tokens, generated);
  ASSERT_EQ(stream.finished->prompt_tokens, request.prompt_tokens());
}

TEST(SchedulerTest, OneRequestGivesTheExpectedStream) {
  Loop loop({}, 20, 8);
  const Request request = Simple(10, 12);
  const Ticket ticket = loop.Add(request);
  loop.RunAll();
  ExpectSame(loop.streams_[ticket], request, loop.vocabulary_);
  EXPECT_EQ(loop.scheduler_.block_counts().active, 0);
}

TEST(SchedulerTest, LongPromptIsCutIntoChunksBesideDecodes) {
  Loop loop({}, 40, 8);
  const Ticket short_one = loop.Add(Simple(3, 50));
  loop.Step();
  const Request long_request = Simple(60, 5);
  const Ticket long_one = loop.Add(long_request);
  loop.Step(/*prefill_rows=*/16);
  EXPECT_EQ(loop.last_rows_, 17);
  EXPECT_EQ(loop.last_prefill_rows_, 16);
  EXPECT_EQ(loop.streams_[short_one].ids[0].size(), 2u);
  loop.Step(16);
  loop.Step(16);
  EXPECT_TRUE(loop.streams_[long_one].ids[0].empty());
  loop.Step(16);
  EXPECT_EQ(loop.last_prefill_rows_, 12);
  EXPECT_EQ(loop.streams_[long_one].ids[0].size(), 1u);
  EXPECT_EQ(loop.streams_[short_one].ids[0].size(), 5u);
  loop.RunAll();
  ExpectSame(loop.streams_[long_one], long_request, loop.vocabulary_);
}

TEST(SchedulerTest, StepNeverHasMoreRowsThanItMay) {
  SchedulerOptions options;
  options.max_step_rows = 8;
  options.max_batch_size = 8;
  Loop loop(options, 200, 4);
  std::vector<Request> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(Simple(5 + i, 10));
  for (const Request& request : requests) loop.Add(request);
  while (!loop.scheduler_.idle()) {
    loop.Step();
    ASSERT_GT(loop.last_rows_, 0);
    ASSERT_LE(loop.last_rows_, 8);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectSame(loop.streams_[i + 1], requests[i], loop.vocabulary_);
  }
}

TEST(SchedulerTest, HigherClassStartsFirst) {
  SchedulerOptions options;
  options.max_batch_size = 1;
  Loop loop(options, 20, 8);
  std::vector<Ticket> tickets;
  for (Priority priority :
       {Priority::kBatch, Priority::kInteractive, Priority::kSystem}) {
    RequestFields fields;
    fields.prompt_ids = {1, 2};
    fields.params.max_new_tokens = 3;
    fields.priority = priority;
    tickets.push_back(loop.Add(Make(fields)));
  }
  const auto positions = loop.scheduler_.QueuePositions();
  ASSERT_EQ(positions.size(), 3u);
  EXPECT_EQ(positions[0].first, tickets[2]);
  EXPECT_EQ(positions[2].first, tickets[0]);
  loop.Step();
  EXPECT_TRUE(loop.streams_[tickets[2]].started);
  EXPECT_FALSE(loop.streams_[tickets[1]].started);
  loop.RunAll();
}

TEST(SchedulerTest, FullQueueRefusesWithARetryDelay) {
  SchedulerOptions options;
  options.max_queued_requests = 2;
  Loop loop(options, 20, 8);
  loop.Add(Simple(4, 4));
  loop.Add(Simple(4, 4));
  const absl::Status status = loop.scheduler_.Submit(100, Simple(4, 4), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("queue: too many requests, got 3, limit 2"));
  EXPECT_EQ(RetryDelayOf(status), kNanosPerSecond);
  EXPECT_EQ(ReasonOf(status), std::string(kReasonQueueFull));
  loop.Step();
  EXPECT_TRUE(loop.scheduler_.Submit(101, Simple(4, 4), 0).ok());
  loop.RunAll();
}

TEST(SchedulerTest, QueueIsBoundedInTokensButOneAlwaysMayWait) {
  SchedulerOptions options;
  options.max_queued_tokens = 10;
  Loop loop(options, 40, 8);
  loop.Add(Simple(20, 20));
  EXPECT_EQ(loop.scheduler_.Submit(100, Simple(1, 1), 0).code(),
            absl::StatusCode::kResourceExhausted);
  loop.RunAll();
}

TEST(SchedulerTest, RequestThatCanNeverFitIsRefusedWithNumbers) {
  Loop loop({}, 4, 8);
  const absl::Status status = loop.scheduler_.Submit(1, Simple(20, 20), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("got 40 tokens in 5 blocks, limit 4 blocks"));
  EXPECT_TRUE(loop.scheduler_.Submit(2, Simple(20, 12), 0).ok());
  loop.RunAll();
}

TEST(SchedulerTest, SequencesOfARequestShareThePromptsBlocks) {
  Loop loop({}, 40, 8);
  const Request request = Simple(33, 10, /*n=*/4);
  const Ticket ticket = loop.Add(request);
  loop.Step();
  loop.Step();
  // Four whole blocks shared, one of its own for each sequence.
  EXPECT_EQ(loop.scheduler_.block_counts().active, 8);
  loop.RunAll();
  ExpectSame(loop.streams_[ticket], request, loop.vocabulary_);
  EXPECT_EQ(loop.streams_[ticket].ids.size(), 4u);
  EXPECT_NE(loop.streams_[ticket].ids[0], loop.streams_[ticket].ids[1]);
}

// 16 long requests in a pool of 1.2 sequences.
TEST(SchedulerTest, TinyPoolPreemptsAndChangesNothing) {
  Loop loop({}, 18, 8);
  std::vector<Request> requests;
  for (int i = 0; i < 16; ++i) requests.push_back(Simple(20 + i, 80));
  for (const Request& request : requests) loop.Add(request);
  loop.RunAll();
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectSame(loop.streams_[i + 1], requests[i], loop.vocabulary_);
  }
  EXPECT_GT(loop.scheduler_.counts().preemptions, 0);
  EXPECT_EQ(loop.scheduler_.block_counts().active, 0);
}

TEST(SchedulerTest, PassedDeadlineEndsTheRequestWithinAStep) {
  Loop loop({}, 20, 8);
  RequestFields fields;
  fields.prompt_ids = {1, 2, 3};
  fields.params.ignore_eos = true;
  fields.deadline = loop.now_ + 5 * kNanosPerMilli;
  const Ticket ticket = loop.Add(Make(fields));
  EXPECT_EQ(loop.scheduler_.NextDeadline(), fields.deadline);
  for (int i = 0; i < 4; ++i) loop.Step();
  EXPECT_FALSE(loop.streams_[ticket].failed.has_value());
  loop.Step();
  ASSERT_TRUE(loop.streams_[ticket].failed.has_value());
  EXPECT_EQ(loop.streams_[ticket].failed->status.code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(loop.streams_[ticket].failed->phase, Phase::kDecode);
  EXPECT_EQ(loop.scheduler_.block_counts().active, 0);
}

TEST(SchedulerTest, PausedRequestGetsNoRowsAndGoesOnUnchanged) {
  Loop loop({}, 40, 8);
  const Request request = Simple(5, 20);
  const Ticket paused = loop.Add(request);
  loop.Add(Simple(6, 30));
  loop.Step();
  loop.scheduler_.SetPaused(paused, true);
  const size_t before = loop.streams_[paused].ids[0].size();
  for (int i = 0; i < 5; ++i) loop.Step();
  EXPECT_EQ(loop.streams_[paused].ids[0].size(), before);
  EXPECT_EQ(loop.scheduler_.counts().paused_requests, 1);
  loop.scheduler_.SetPaused(paused, false);
  loop.RunAll();
  ExpectSame(loop.streams_[paused], request, loop.vocabulary_);
}

TEST(SchedulerTest, PausedRequestGivesItsBlocksToOneThatCanRun) {
  Loop loop({}, 6, 8);
  const Request first = Simple(30, 10);
  const Request second = Simple(30, 10);
  const Ticket paused = loop.Add(first);
  loop.Step();
  loop.scheduler_.SetPaused(paused, true);
  const Ticket other = loop.Add(second);
  for (int i = 0; i < 20; ++i) loop.Step();
  ExpectSame(loop.streams_[other], second, loop.vocabulary_);
  loop.scheduler_.SetPaused(paused, false);
  loop.RunAll();
  ExpectSame(loop.streams_[paused], first, loop.vocabulary_);
}

TEST(SchedulerTest, PausedRequestGivesItsPlaceToOneThatCanRun) {
  Loop loop({.max_batch_size = 1}, 40, 8);
  const Request first = Simple(5, 20);
  const Request second = Simple(6, 5);
  const Ticket paused = loop.Add(first);
  loop.Step();
  const Ticket other = loop.Add(second);
  loop.Step();
  EXPECT_TRUE(loop.streams_[other].ids.empty() ||
              loop.streams_[other].ids[0].empty());
  loop.scheduler_.SetPaused(paused, true);
  for (int i = 0; i < 6; ++i) loop.Step();
  ExpectSame(loop.streams_[other], second, loop.vocabulary_);
  loop.scheduler_.SetPaused(paused, false);
  loop.RunAll();
  ExpectSame(loop.streams_[paused], first, loop.vocabulary_);
}

TEST(SchedulerTest, ErrorOfOneRowEndsThatRequestAlone) {
  Loop loop({}, 40, 8);
  const Request healthy = Simple(5, 5);
  const Ticket good = loop.Add(healthy);
  const Ticket bad = loop.Add(Simple(6, 5));
  const PlannedStep& step = loop.scheduler_.Plan(loop.now_, 512);
  ASSERT_EQ(step.samples.size(), 2u);
  const auto logits = loop.runner_.Run(step.plan);
  std::vector<absl::StatusOr<int32_t>> tokens;
  tokens.push_back(loop.sampler_.Sample(logits->Row(0), *step.samples[0].params,
                                        step.samples[0].point));
  tokens.push_back(absl::InternalError("logits: not a number"));
  loop.scheduler_.Commit(tokens, loop.now_);
  loop.Collect();
  loop.RunAll();
  EXPECT_EQ(loop.streams_[bad].failed->status.code(),
            absl::StatusCode::kInternal);
  ExpectSame(loop.streams_[good], healthy, loop.vocabulary_);
}

TEST(SchedulerTest, FailedStepEndsItsRequestsAndNoOthers) {
  SchedulerOptions options;
  options.max_batch_size = 1;
  Loop loop(options, 40, 8);
  const Ticket first = loop.Add(Simple(5, 5));
  const Request later = Simple(6, 5);
  const Ticket second = loop.Add(later);
  loop.scheduler_.Plan(loop.now_, 512);
  loop.scheduler_.FailStep(absl::InternalError("backend"));
  loop.Collect();
  EXPECT_TRUE(loop.streams_[first].failed.has_value());
  loop.RunAll();
  ExpectSame(loop.streams_[second], later, loop.vocabulary_);
}

TEST(SchedulerTest, EverythingDeliveredBeforeFinishesWithoutAStep) {
  Loop loop({}, 20, 8);
  RequestFields fields;
  fields.prompt_ids = {1, 2, 3};
  fields.params.max_new_tokens = 2;
  fields.resumed = {{0, {5, 6}}};
  const Ticket ticket = loop.Add(Make(fields));
  loop.Collect();
  ASSERT_TRUE(loop.streams_[ticket].finished.has_value());
  EXPECT_EQ(loop.streams_[ticket].ends[0].reason, FinishReason::kLength);
  EXPECT_TRUE(loop.streams_[ticket].ids[0].empty());
  EXPECT_TRUE(loop.scheduler_.idle());
}

// Random requests with cancels, preemption, forks and chunks of every size:
// what was not cancelled is what one sequence alone gives, what was cancelled
// is a beginning of it.
TEST(SchedulerTest, TenThousandRandomRequestsKeepTheirStreams) {
  constexpr int kRequests = 10000;
  std::mt19937 random(2024);
  SchedulerOptions options;
  options.max_batch_size = 12;
  Loop loop(options, 26, 4);
  std::map<Ticket, Request> requests;
  int cancelled = 0;
  int submitted = 0;
  while (submitted < kRequests || !loop.scheduler_.idle()) {
    while (submitted < kRequests &&
           loop.scheduler_.counts().queued_requests < 8) {
      Request request = Make(RandomFields(random, 24));
      requests.emplace(loop.Add(request), request);
      ++submitted;
    }
    if (random() % 8 == 0 && loop.last_ticket_ > 20) {
      loop.scheduler_.Abort(loop.last_ticket_ - random() % 20,
                            absl::CancelledError("test"));
    }
    if (random() % 10 == 0) {
      loop.scheduler_.SetPaused(loop.last_ticket_ - random() % 12,
                                random() % 3 == 0);
    }
    if (submitted == kRequests) {
      for (const auto& [ticket, request] : requests) {
        loop.scheduler_.SetPaused(ticket, false);
      }
    }
    loop.Step(1 + random() % 40);
    // Finished streams are judged at once, to keep memory small.
    for (auto it = loop.streams_.begin(); it != loop.streams_.end();) {
      if (it->second.ended == 0) {
        ++it;
        continue;
      }
      const Request& request = requests.at(it->first);
      if (it->second.finished.has_value()) {
        ExpectSame(it->second, request, loop.vocabulary_);
      } else {
        ++cancelled;
        for (const auto& [index, ids] : it->second.ids) {
          const auto expected =
              ExpectStream(request, index, kVocabulary, loop.vocabulary_);
          ASSERT_LE(ids.size(), expected.shown.size());
          ASSERT_TRUE(
              std::equal(ids.begin(), ids.end(), expected.shown.begin()));
        }
      }
      ASSERT_FALSE(HasFatalFailure());
      requests.erase(it->first);
      it = loop.streams_.erase(it);
    }
  }
  EXPECT_TRUE(requests.empty());
  EXPECT_EQ(loop.scheduler_.block_counts().active, 0);
  EXPECT_GT(loop.scheduler_.counts().preemptions, 100);
  EXPECT_GT(cancelled, 100);
}

// A stream cut anywhere and resumed on a second engine is the whole stream.
TEST(SchedulerTest, ResumedSequencesGoOnWithTheSameIds) {
  std::mt19937 random(77);
  int cuts = 0;
  for (int round = 0; round < 300; ++round) {
    const RequestFields fields = RandomFields(random, 20);
    const Request request = Make(fields);
    Loop first({}, 40, 4);
    const Ticket ticket = first.Add(request);
    for (int steps = random() % 20; steps > 0; --steps) {
      if (!first.scheduler_.idle()) first.Step();
    }
    first.scheduler_.Abort(ticket, absl::UnavailableError("killed"));
    first.Collect();
    RequestFields again = fields;
    again.attempt = 2;
    for (const auto& [index, ids] : first.streams_[ticket].ids) {
      again.resumed.push_back({index, ids});
      cuts += !ids.empty();
    }
    Loop second({}, 30, 8);
    const Ticket resumed = second.Add(Make(again));
    second.Collect();
    second.RunAll();
    Stream& stream = second.streams_[resumed];
    ASSERT_TRUE(stream.finished.has_value());
    for (int32_t index = 0; index < request.n(); ++index) {
      const ExpectedStream expected =
          ExpectStream(request, index, kVocabulary, second.vocabulary_);
      std::vector<int32_t> ids = first.streams_[ticket].ids[index];
      ids.insert(ids.end(), stream.ids[index].begin(), stream.ids[index].end());
      ASSERT_EQ(ids, expected.shown);
      ASSERT_EQ(stream.ends.at(index).reason, expected.end.reason);
    }
  }
  EXPECT_GT(cuts, 100);
}

TEST(SchedulerTest, BadOptionsAreRefusedByName) {
  SchedulerOptions options;
  options.max_step_rows = 10;
  options.max_batch_size = 11;
  EXPECT_THAT(std::string(CheckOptions(options).message()),
              HasSubstr("max_step_rows: too small, got 10, limit at least 11"));
  EXPECT_TRUE(CheckOptions(SchedulerOptions{}).ok());
}

}  // namespace
}  // namespace sluice::generator
