// The prefix cache under the whole engine: what is found, by whom, and that
// nobody can tell from the tokens.

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/engine/engine_core.h"
#include "services/generator/scheduler/expected_stream.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {
namespace {

using Ids = std::vector<int32_t>;

constexpr int32_t kVocabulary = 40;
constexpr int32_t kContext = 200;
constexpr int32_t kBlockSize = 8;

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

Ids Prompt(int32_t count) {
  Ids ids(count);
  for (int32_t i = 0; i < count; ++i) ids[i] = (i * 11 + 3) % kVocabulary;
  return ids;
}

// What a client saw.
struct Seen {
  std::optional<Started> started;
  std::optional<Finished> finished;
  std::map<int32_t, Ids> ids;
  std::optional<absl::Status> end;
};

// Counts its rows, and may fail.
class CountingRunner : public HashRunner {
 public:
  explicit CountingRunner(int32_t blocks)
      : HashRunner(kVocabulary, kContext, blocks, kBlockSize) {}

  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    if (fails) return absl::InternalError("out of luck");
    for (const SequenceRows& one : plan.sequences) {
      rows += static_cast<int64_t>(one.token_ids.size());
    }
    auto logits = HashRunner::Run(plan);
    if (!gives_nan || logits->rows == 0) return logits;
    broken_.assign(logits->values.size(), std::nanf(""));
    return LogitsView{logits->rows, kVocabulary, broken_};
  }

  int64_t rows = 0;
  bool fails = false;
  bool gives_nan = false;

 private:
  std::vector<float> broken_;
};

class PrefixReuseTest : public ::testing::Test {
 protected:
  void Start(int32_t blocks = 100, EngineOptions options = {}) {
    options_ = options;
    runner_ = std::make_unique<CountingRunner>(blocks);
    core_ = std::make_unique<EngineCore>(
        options, EngineParts{*runner_, vocabulary_, clock_, metrics_, board_});
  }
  RequestFields Fields(Ids prompt, int32_t max_new_tokens,
                       const std::string& tenant = "") {
    RequestFields fields;
    fields.request_id = "r" + std::to_string(++made_);
    fields.prompt_ids = std::move(prompt);
    fields.params.max_new_tokens = max_new_tokens;
    fields.params.ignore_eos = true;
    fields.params.seed = 5;
    fields.tenant = tenant;
    return fields;
  }
  std::shared_ptr<Outbox> Submit(RequestFields fields) {
    auto outbox = std::make_shared<Outbox>(
        options_.outbox, [] {}, [] {});
    core_->Submit({Make(std::move(fields)), outbox});
    return outbox;
  }
  void Read(Outbox& outbox, Seen& seen) {
    while (true) {
      Outbox::Taken taken = outbox.Take();
      if (taken.end.has_value()) seen.end = taken.end;
      if (!taken.message.has_value()) return;
      if (auto* started = std::get_if<Started>(&*taken.message)) {
        seen.started = *started;
      } else if (auto* finished = std::get_if<Finished>(&*taken.message)) {
        seen.finished = *finished;
      } else if (auto* delta = std::get_if<Delta>(&*taken.message)) {
        Ids& ids = seen.ids[delta->index];
        ids.insert(ids.end(), delta->ids.begin(), delta->ids.end());
      }
    }
  }
  // Runs until nothing is left to do.
  Seen RunAll(Outbox& outbox) {
    while (core_->Step()) {
    }
    Seen seen;
    Read(outbox, seen);
    return seen;
  }
  // Runs it alone, compares its ids with the oracle, gives its cached tokens.
  int32_t RunAndCompare(const RequestFields& fields) {
    const Seen seen = RunAll(*Submit(fields));
    EXPECT_TRUE(seen.finished.has_value());
    EXPECT_EQ(seen.ids.at(0), Expect(fields));
    EXPECT_EQ(seen.finished->cached_tokens, seen.started->cached_tokens);
    return seen.started->cached_tokens;
  }
  Ids Expect(const RequestFields& fields, int32_t index = 0) {
    return ExpectStream(Make(fields), index, kVocabulary, vocabulary_).shown;
  }
  BlockCounts Blocks() { return core_->scheduler().block_counts(); }

  FakeClock clock_;
  Vocabulary vocabulary_ = Letters();
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  EngineOptions options_;
  int made_ = 0;
  std::unique_ptr<CountingRunner> runner_;
  std::unique_ptr<EngineCore> core_;
};

TEST_F(PrefixReuseTest, NextTurnFindsPromptAndAnswerOfTheLast) {
  Start();
  const RequestFields first = Fields(Prompt(30), 20);
  EXPECT_EQ(RunAndCompare(first), 0);
  // 49 positions were computed: the last token never ran.
  EXPECT_EQ(Blocks().cached, 7);
  EXPECT_EQ(Blocks().active, 0);
  EXPECT_EQ(board_.Read().blocks.cached, 7);
  Ids turn = first.prompt_ids;
  for (int32_t id : Expect(first)) turn.push_back(id);
  for (int32_t id : {7, 8, 9}) turn.push_back(id);
  const int64_t before = runner_->rows;
  EXPECT_EQ(RunAndCompare(Fields(turn, 5)), 49);
  EXPECT_EQ(runner_->rows - before, 53 - 49 + 4);
  EXPECT_EQ(metrics_.prompt_tokens.With({"cached"}).Value(), 49);
  EXPECT_EQ(metrics_.prompt_tokens.With({"computed"}).Value(), 30 + 4);
  EXPECT_EQ(metrics_.prefix_requests.With({"hit"}).Value(), 1);
  EXPECT_EQ(metrics_.prefix_requests.With({"miss"}).Value(), 1);
}

TEST_F(PrefixReuseTest, RepeatedPromptComputesItsLastTokenAlone) {
  Start();
  const RequestFields fields = Fields(Prompt(30), 20);
  EXPECT_EQ(RunAndCompare(fields), 0);
  // Three whole blocks, and a part of the fourth by copy.
  EXPECT_EQ(RunAndCompare(fields), 29);
  RequestFields other_seed = fields;
  other_seed.params.seed = 6;
  EXPECT_EQ(RunAndCompare(other_seed), 29);
}

TEST_F(PrefixReuseTest, PromptOfWholeBlocksStillComputesOneToken) {
  Start();
  const RequestFields fields = Fields(Prompt(4 * kBlockSize), 3);
  EXPECT_EQ(RunAndCompare(fields), 0);
  EXPECT_EQ(RunAndCompare(fields), 4 * kBlockSize - 1);
}

TEST_F(PrefixReuseTest, RunningSequenceIsFoundToo) {
  Start();
  const RequestFields first = Fields(Prompt(30), 20);
  const auto running = Submit(first);
  core_->Step();
  const auto second = Submit(Fields(Prompt(30), 4));
  core_->Step();
  Seen seen;
  Read(*second, seen);
  EXPECT_EQ(seen.started->cached_tokens, 24);
  EXPECT_EQ(Blocks().active, 4 + 1);
  EXPECT_EQ(RunAll(*running).ids.at(0), Expect(first));
}

TEST_F(PrefixReuseTest, ChatComputesOnlyWhatIsNewInEachTurn) {
  Start();
  Ids chat = Prompt(13);
  int32_t known = 0;
  for (int turn = 0; turn < 6; ++turn) {
    const RequestFields fields = Fields(chat, 7);
    EXPECT_EQ(RunAndCompare(fields), known);
    for (int32_t id : Expect(fields)) chat.push_back(id);
    known = static_cast<int32_t>(chat.size()) - 1;
    for (int32_t i = 0; i < 5; ++i) chat.push_back(turn + i);
  }
  // The part-filled ends of earlier turns made room for the longer ones.
  EXPECT_EQ(Blocks().cached, (known + kBlockSize - 1) / kBlockSize);
}

TEST_F(PrefixReuseTest, CancelledAnswerIsFoundByTheNextTurn) {
  Start();
  const RequestFields first = Fields(Prompt(20), 50);
  const auto outbox = Submit(first);
  for (int i = 0; i < 6; ++i) core_->Step();
  outbox->Cancel();
  core_->Step();
  Ids turn = first.prompt_ids;
  const Ids answer = Expect(first);
  turn.insert(turn.end(), answer.begin(), answer.begin() + 6);
  EXPECT_EQ(RunAndCompare(Fields(turn, 5)), 20 + 5);
}

// A prefill in steps of 16 rows.
EngineOptions SmallSteps() {
  EngineOptions options;
  options.pacer.min_prefill_rows = 16;
  options.pacer.first_prefill_rows = 16;
  options.pacer.max_prefill_rows = 16;
  return options;
}

TEST_F(PrefixReuseTest, EqualPromptsThatArriveTogetherAreComputedOnce) {
  Start(100, SmallSteps());
  const RequestFields fields[] = {Fields(Prompt(100), 3),
                                  Fields(Prompt(100), 3),
                                  Fields(Prompt(100), 3, "other tenant")};
  std::vector<std::shared_ptr<Outbox>> outboxes;
  for (const RequestFields& one : fields) outboxes.push_back(Submit(one));
  for (int i = 0; i < 3; ++i) {
    const Seen seen = RunAll(*outboxes[i]);
    EXPECT_EQ(seen.ids.at(0), Expect(fields[i]));
    // All whole blocks at least; more when the first ended meanwhile.
    EXPECT_GE(seen.started->cached_tokens, i == 1 ? 96 : 0);
    EXPECT_LE(seen.started->cached_tokens, i == 1 ? 99 : 0);
  }
  EXPECT_LE(runner_->rows, 2 * 100 + 4 + 3 * 2);
}

TEST_F(PrefixReuseTest, WhoWaitsForAPrefillGoesOnWhenItEnds) {
  Start(100, SmallSteps());
  const auto first = Submit(Fields(Prompt(100), 3));
  const RequestFields fields = Fields(Prompt(100), 3);
  const auto second = Submit(fields);
  core_->Step();
  core_->Step();
  first->Cancel();
  const Seen seen = RunAll(*second);
  EXPECT_EQ(seen.ids.at(0), Expect(fields));
  EXPECT_EQ(seen.started->cached_tokens, 32);
}

TEST_F(PrefixReuseTest, OtherTenantFindsNothing) {
  Start();
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10, "alice")), 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10, "bob")), 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10)), 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10, "alice")), 39);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10, "bob")), 39);
}

TEST_F(PrefixReuseTest, OtherTenantFindsTheDeclaredPublicPrefixAlone) {
  Start();
  RequestFields fields = Fields(Prompt(40), 5, "alice");
  fields.public_prefix_tokens = 20;
  EXPECT_EQ(RunAndCompare(fields), 0);
  EXPECT_EQ(RunAndCompare(fields), 39);
  fields.tenant = "bob";
  EXPECT_EQ(RunAndCompare(fields), 16);
  // Who does not declare it has the same tokens for himself.
  fields.tenant = "carol";
  fields.public_prefix_tokens = 0;
  EXPECT_EQ(RunAndCompare(fields), 0);
  fields.public_prefix_tokens = 20;
  fields.bypass_prefix_cache = true;
  EXPECT_EQ(RunAndCompare(fields), 0);
}

TEST_F(PrefixReuseTest, PublicPrefixOutlivesPressureUntilOneNeedsAllBlocks) {
  Start(/*blocks=*/20);
  RequestFields fields = Fields(Prompt(30), 5, "alice");
  fields.public_prefix_tokens = 16;
  EXPECT_EQ(RunAndCompare(fields), 0);
  EXPECT_EQ(RunAndCompare(Fields(Ids(130, 3), 10)), 0);
  fields.tenant = "bob";
  EXPECT_EQ(RunAndCompare(fields), 16);
  EXPECT_EQ(Blocks().warm, 2);
  EXPECT_EQ(RunAndCompare(Fields(Ids(150, 4), 10)), 0);
  EXPECT_EQ(Blocks().warm, 0);
  fields.tenant = "carol";
  EXPECT_EQ(RunAndCompare(fields), 0);
}

TEST_F(PrefixReuseTest, BypassFindsNothingAndLeavesNothing) {
  Start();
  RequestFields bypass = Fields(Prompt(40), 10);
  bypass.bypass_prefix_cache = true;
  EXPECT_EQ(RunAndCompare(bypass), 0);
  EXPECT_EQ(Blocks().cached, 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10)), 0);
  EXPECT_EQ(RunAndCompare(bypass), 0);
  EXPECT_EQ(metrics_.prefix_requests.With({"bypass"}).Value(), 2);
  EXPECT_EQ(metrics_.prefix_requests.With({"miss"}).Value(), 1);
}

TEST_F(PrefixReuseTest, SwitchedOffItKeepsNothing) {
  EngineOptions options;
  options.scheduler.prefix_cache = false;
  Start(100, options);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10)), 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 10)), 0);
  EXPECT_EQ(Blocks().cached, 0);
  EXPECT_EQ(metrics_.prefix_requests.With({"miss"}).Value(), 0);
}

TEST_F(PrefixReuseTest, LeastRecentlyUsedPrefixMakesRoom) {
  Start(/*blocks=*/12);
  const RequestFields a = Fields(Prompt(40), 1, "a");
  const RequestFields b = Fields(Prompt(40), 1, "b");
  EXPECT_EQ(RunAndCompare(a), 0);
  EXPECT_EQ(RunAndCompare(b), 0);
  EXPECT_EQ(RunAndCompare(a), 39);
  EXPECT_EQ(Blocks().cached, 10);
  // Seven blocks: the two free ones and b's five.
  EXPECT_EQ(RunAndCompare(Fields(Prompt(55), 1, "c")), 0);
  EXPECT_EQ(metrics_.prefix_evictions.Get().Value(), 5);
  EXPECT_EQ(RunAndCompare(a), 39);
  EXPECT_EQ(RunAndCompare(b), 0);
}

TEST_F(PrefixReuseTest, PreemptedSequenceFindsItsOwnBlocks) {
  Start(/*blocks=*/18);
  const RequestFields first = Fields(Prompt(20), 80);
  const RequestFields second = Fields({1, 2, 3}, 70);
  const auto a = Submit(first);
  const auto b = Submit(second);
  EXPECT_EQ(RunAll(*a).ids.at(0), Expect(first));
  EXPECT_EQ(RunAll(*b).ids.at(0), Expect(second));
  EXPECT_EQ(metrics_.preemptions.Get().Value(), 1);
  const int64_t needed = (20 + 80 - 1) + (3 + 70 - 1);
  const int64_t again = runner_->rows - needed;
  EXPECT_EQ(metrics_.wasted_tokens.With({"preempted"}).Value(), again);
  // It had about 60 when the pool was full, and most of its blocks stayed.
  EXPECT_GT(again, 0);
  EXPECT_LT(again, 45);
}

TEST_F(PrefixReuseTest, ResumedSequenceFindsWhatItsFirstAttemptLeft) {
  Start();
  RequestFields fields = Fields(Prompt(30), 40);
  const auto lost = Submit(fields);
  for (int i = 0; i < 20; ++i) core_->Step();
  lost->Cancel();
  core_->Step();
  Seen seen;
  Read(*lost, seen);
  ASSERT_EQ(seen.ids[0].size(), 20u);
  const Ids whole = Expect(fields);
  fields.attempt = 2;
  fields.resumed = {{0, seen.ids[0]}};
  const int64_t before = runner_->rows;
  const Seen resumed = RunAll(*Submit(fields));
  // All of the prompt and 19 more: 49 of 50 positions.
  EXPECT_EQ(resumed.started->cached_tokens, 30);
  EXPECT_EQ(runner_->rows - before, (30 + 40 - 1) - 49);
  EXPECT_EQ(resumed.ids.at(0), Ids(whole.begin() + 20, whole.end()));
}

TEST_F(PrefixReuseTest, WhatGaveNanIsNotFoundAgain) {
  EngineOptions options;
  options.pacer.first_prefill_rows = kBlockSize;
  options.pacer.max_prefill_rows = kBlockSize;
  Start(100, options);
  runner_->gives_nan = true;
  const Seen broken = RunAll(*Submit(Fields(Prompt(40), 5)));
  EXPECT_EQ(broken.end->code(), absl::StatusCode::kInternal);
  runner_->gives_nan = false;
  EXPECT_EQ(Blocks().cached, 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 5)), 0);
}

TEST_F(PrefixReuseTest, StepThatFailedLeavesNothing) {
  Start();
  runner_->fails = true;
  RunAll(*Submit(Fields(Prompt(40), 5)));
  runner_->fails = false;
  EXPECT_EQ(Blocks().cached, 0);
  EXPECT_EQ(RunAndCompare(Fields(Prompt(40), 5)), 0);
}

TEST_F(PrefixReuseTest, SequencesOfARequestStartFromTheSameHit) {
  Start();
  EXPECT_EQ(RunAndCompare(Fields(Prompt(30), 2)), 0);
  RequestFields fields = Fields(Prompt(37), 9);
  fields.n = 4;
  const Seen seen = RunAll(*Submit(fields));
  EXPECT_EQ(seen.started->cached_tokens, 30);
  for (int32_t index = 0; index < 4; ++index) {
    EXPECT_EQ(seen.ids.at(index), Expect(fields, index));
  }
  EXPECT_EQ(Blocks().active, 0);
}

size_t CommonLength(const Ids& a, const Ids& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
         a.begin();
}

// Three tenants ask for prompts of few families in a small pool, with cancels
// and failed steps.
class RandomPrefixReuseTest : public PrefixReuseTest {
 protected:
  struct Flight {
    RequestFields fields;
    std::shared_ptr<Outbox> outbox;
    Seen seen;
  };

  void SubmitRandom() {
    Ids prompt = Prompt(random_() % 50);
    for (int extra = 1 + random_() % 12; extra > 0; --extra) {
      prompt.push_back(random_() % 2);
    }
    RequestFields fields = Fields(std::move(prompt), 1 + random_() % 30,
                                  std::string(random_() % 3, 't'));
    fields.params.seed = random_() % 2;
    fields.bypass_prefix_cache = random_() % 10 == 0;
    if (random_() % 6 == 0) fields.n = 2;
    flights_.push_back({fields, Submit(fields), {}});
  }

  // Nobody finds more than an earlier sequence of the tenant can have left.
  void JudgeStart(const Flight& flight) {
    const RequestFields& fields = flight.fields;
    std::vector<Ids>& left = left_[fields.tenant];
    size_t most = 0;
    for (const Ids& ids : left) {
      most = std::max(most, CommonLength(fields.prompt_ids, ids));
    }
    if (fields.bypass_prefix_cache) most = 0;
    const int32_t found = flight.seen.started->cached_tokens;
    EXPECT_LE(static_cast<size_t>(found), most);
    EXPECT_LT(static_cast<size_t>(found), fields.prompt_ids.size());
    cached_ += found;
    if (fields.bypass_prefix_cache) return;
    for (int32_t index = 0; index < fields.n; ++index) {
      left.push_back(fields.prompt_ids);
      const Ids answer = Expect(fields, index);
      left.back().insert(left.back().end(), answer.begin(), answer.end());
    }
  }

  // The tokens are those of the request alone, or a beginning of them.
  void JudgeEnd(const Flight& flight) {
    for (const auto& [index, ids] : flight.seen.ids) {
      const Ids expected = Expect(flight.fields, index);
      EXPECT_EQ(CommonLength(ids, expected), ids.size());
      EXPECT_TRUE(!flight.seen.end->ok() || ids.size() == expected.size());
    }
    finished_ += flight.seen.end->ok();
  }

  // True when it has ended.
  bool Judge(Flight& flight) {
    const bool had_started = flight.seen.started.has_value();
    Read(*flight.outbox, flight.seen);
    if (!had_started && flight.seen.started.has_value()) JudgeStart(flight);
    if (!flight.seen.end.has_value()) return false;
    JudgeEnd(flight);
    return true;
  }

  std::mt19937 random_{11};
  std::vector<Flight> flights_;
  std::map<std::string, std::vector<Ids>> left_;  // by tenant
  int64_t cached_ = 0;
  int finished_ = 0;
};

TEST_F(RandomPrefixReuseTest, FiveThousandRequestsKeepTheirStreams) {
  constexpr int kRequests = 5000;
  Start(/*blocks=*/30);
  while (made_ < kRequests || !flights_.empty()) {
    while (made_ < kRequests && flights_.size() < 8) SubmitRandom();
    if (random_() % 50 == 0) {
      flights_[random_() % flights_.size()].outbox->Cancel();
    }
    runner_->fails = random_() % 400 == 0;
    runner_->gives_nan = random_() % 400 == 0;
    core_->Step();
    std::erase_if(flights_, [&](Flight& flight) { return Judge(flight); });
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(Blocks().active, 0);
  EXPECT_GT(finished_, 3000);
  EXPECT_GT(cached_, 10000);
  EXPECT_GT(metrics_.preemptions.Get().Value(), 100);
  EXPECT_GT(metrics_.prefix_evictions.Get().Value(), 1000);
}

}  // namespace
}  // namespace sluice::generator
