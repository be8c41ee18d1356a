// Guesses, right and wrong, through the whole engine: streams, counts and
// blocks are those of a run without.

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/engine/engine_core.h"
#include "services/generator/engine/invariants.h"
#include "services/generator/scheduler/expected_stream.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {
namespace {

constexpr int32_t kVocabulary = 40;
constexpr int32_t kContext = 200;

Vocabulary Letters() {
  std::vector<VocabularyEntry> entries;
  for (int32_t id = 0; id < kVocabulary; ++id) {
    entries.push_back({std::string(1, 'a' + id % 26), id == 0});
  }
  return *Vocabulary::Create(std::move(entries), {});
}

Request Make(const RequestFields& fields) {
  RequestLimits limits;
  limits.context_length = kContext;
  limits.vocabulary_size = kVocabulary;
  limits.eos_ids = {0};
  auto request = Request::Create(fields, limits);
  EXPECT_TRUE(request.ok()) << request.status();
  return *std::move(request);
}

// All steps take as long, so every guess is worth its row.
class SteadyRunner : public HashRunner {
 public:
  SteadyRunner(FakeClock& clock, int32_t blocks)
      : HashRunner(kVocabulary, kContext, blocks, 8), clock_(clock) {}

  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    clock_.Advance(kNanosPerMilli);
    ++steps;
    return HashRunner::Run(plan);
  }

  int64_t steps = 0;

 private:
  FakeClock& clock_;
};

// Knows what comes next, and says so most of the time.
class Knowing : public DraftSource {
 public:
  std::vector<int32_t> Guess(Sequence& sequence, int32_t most) override {
    const auto& known = ids[{sequence.request->request.id(), sequence.index}];
    std::vector<int32_t> guesses;
    for (size_t at = sequence.stops.generated();
         at < known.size() && guesses.size() < static_cast<size_t>(most);
         ++at) {
      const bool right = random_() % 100 < right_percent;
      guesses.push_back(right ? known[at] : random_() % kVocabulary);
    }
    return guesses;
  }

  std::map<std::pair<std::string, int32_t>, std::vector<int32_t>> ids;
  uint32_t right_percent = 80;

 private:
  std::mt19937 random_{3};
};

RequestFields DrawFields(int32_t i, std::mt19937& random) {
  RequestFields fields;
  fields.request_id = "r" + std::to_string(i);
  for (int32_t k = 1 + random() % 40; k > 0; --k) {
    fields.prompt_ids.push_back(random() % kVocabulary);
  }
  fields.n = i % 5 == 0 ? 3 : 1;
  fields.drawn_seed = random();
  fields.params.max_new_tokens = 1 + random() % 60;
  fields.params.temperature = i % 3 == 0 ? 0.0f : 1.0f;
  if (i % 4 == 1) fields.params.repetition_penalty = 1.5f;
  if (i % 4 == 2) fields.params.top_p = 0.8f;
  if (i % 6 == 3) fields.params.stop = {"ab", "q"};
  if (i % 7 == 4) {
    fields.params.min_new_tokens = *fields.params.max_new_tokens / 2;
  }
  fields.params.ignore_eos = i % 2 == 0;
  return fields;
}

class SpeculationEngineTest : public ::testing::Test {
 protected:
  void Start(int32_t blocks, int32_t right_percent, int32_t max_pending_ids) {
    drafts_.right_percent = right_percent;
    runner_ = std::make_unique<SteadyRunner>(clock_, blocks);
    options_.scheduler.speculation.on = true;
    options_.outbox.max_pending_ids = max_pending_ids;
    EngineParts parts{*runner_, vocabulary_, clock_, metrics_, board_};
    parts.drafts = &drafts_;
    core_ = std::make_unique<EngineCore>(options_, parts);
  }

  std::shared_ptr<Outbox> Submit(const RequestFields& fields) {
    Request request = Make(fields);
    for (int32_t i = 0; i < fields.n; ++i) {
      drafts_.ids[{fields.request_id, i}] =
          ExpectStream(request, i, kVocabulary, vocabulary_).shown;
    }
    auto outbox = std::make_shared<Outbox>(
        options_.outbox, [] {}, [] {});
    core_->Submit({std::move(request), outbox});
    return outbox;
  }

  void Step() {
    core_->Step();
    const absl::Status status = CheckInvariants(core_->scheduler());
    ASSERT_TRUE(status.ok()) << status;
  }

  Vocabulary vocabulary_ = Letters();
  FakeClock clock_;
  Metrics registry_;
  GeneratorMetrics metrics_{registry_};
  LoadBoard board_;
  EngineOptions options_;
  Knowing drafts_;
  std::unique_ptr<SteadyRunner> runner_;
  std::unique_ptr<EngineCore> core_;
};

TEST_F(SpeculationEngineTest, StreamsAreThoseWithoutGuesses) {
  Start(/*blocks=*/400, /*right_percent=*/80, /*max_pending_ids=*/4096);
  std::mt19937 random(11);
  int64_t tokens = 0;
  for (int32_t round = 0; round < 40; ++round) {
    std::vector<std::pair<RequestFields, std::shared_ptr<Outbox>>> clients;
    for (int32_t i = 0; i < 3; ++i) {
      RequestFields fields = DrawFields(round * 3 + i, random);
      auto outbox = Submit(fields);
      clients.emplace_back(std::move(fields), std::move(outbox));
    }
    while (!core_->idle()) Step();
    for (auto& [fields, outbox] : clients) {
      std::map<int32_t, std::vector<int32_t>> ids;
      std::map<int32_t, SequenceEnd> ends;
      while (auto message = outbox->Take().message) {
        const auto* delta = std::get_if<Delta>(&*message);
        if (delta == nullptr) continue;
        auto& of_index = ids[delta->index];
        of_index.insert(of_index.end(), delta->ids.begin(), delta->ids.end());
        if (delta->end.has_value()) ends[delta->index] = *delta->end;
      }
      const Request request = Make(fields);
      for (int32_t index = 0; index < fields.n; ++index) {
        const ExpectedStream expected =
            ExpectStream(request, index, kVocabulary, vocabulary_);
        EXPECT_EQ(ids[index], expected.shown) << fields.request_id;
        EXPECT_EQ(ends[index].reason, expected.end.reason);
        EXPECT_EQ(ends[index].trim_bytes, expected.end.trim_bytes);
        tokens += expected.generated;
      }
    }
  }
  const double drafted = metrics_.drafted_tokens.Get().Value();
  const double accepted = metrics_.accepted_tokens.Get().Value();
  EXPECT_EQ(metrics_.generated_tokens.Get().Value(), tokens);
  EXPECT_GT(accepted, tokens / 4);
  EXPECT_GT(drafted, accepted);
  EXPECT_EQ(metrics_.wasted_tokens.With({"rejected_draft"}).Value(),
            drafted - accepted);
}

TEST_F(SpeculationEngineTest, RightGuessesSaveSteps) {
  Start(400, /*right_percent=*/100, 4096);
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids = {5, 6, 7};
  fields.params.max_new_tokens = 90;
  fields.params.ignore_eos = true;
  Submit(fields);
  while (!core_->idle()) Step();
  EXPECT_LE(runner_->steps, 30);
  EXPECT_EQ(metrics_.generated_tokens.Get().Value(), 90);
  EXPECT_EQ(core_->scheduler().block_counts().active, 0);
}

TEST_F(SpeculationEngineTest, OnlyWhoSaysSoIsGuessedFor) {
  options_.scheduler.speculation.max_draft = 4;
  Start(400, 100, 4096);
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids = {5, 6, 7};
  fields.params.max_new_tokens = 90;
  fields.params.ignore_eos = true;
  fields.bypass_speculation = true;
  Submit(fields);
  while (!core_->idle()) Step();
  EXPECT_EQ(runner_->steps, 90);
  EXPECT_EQ(metrics_.drafted_tokens.Get().Value(), 0);
}

// A step brings at most the guesses of a sequence beyond the bound, and none
// while its reader is away.
TEST_F(SpeculationEngineTest, AFullOutboxPausesASequenceWithGuesses) {
  Start(400, 100, /*max_pending_ids=*/10);
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids = {5, 6, 7};
  fields.params.max_new_tokens = 90;
  fields.params.ignore_eos = true;
  const auto outbox = Submit(fields);
  for (int32_t i = 0; i < 50; ++i) Step();
  EXPECT_TRUE(outbox->full());
  EXPECT_GE(metrics_.generated_tokens.Get().Value(), 10);
  EXPECT_LE(metrics_.generated_tokens.Get().Value(),
            10 + options_.scheduler.speculation.max_draft);
}

}  // namespace
}  // namespace sluice::generator
