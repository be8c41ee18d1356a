#include "services/generator/scheduler/speculation.h"

#include <functional>
#include <memory>
#include <random>

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

constexpr int32_t kBlockSize = 4;

Vocabulary Letters() {
  return *Vocabulary::Create({{"a", false}, {"b", false}}, {});
}

Request MakeRequest(int32_t max_new_tokens) {
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids = {1, 1, 1};
  fields.params.max_new_tokens = max_new_tokens;
  RequestLimits limits;
  limits.context_length = 1 << 20;
  limits.vocabulary_size = 2;
  auto request = Request::Create(std::move(fields), limits);
  EXPECT_TRUE(request.ok()) << request.status();
  return *std::move(request);
}

// Guesses as many as may be.
class Eager : public DraftSource {
 public:
  std::vector<int32_t> Guess(Sequence& sequence, int32_t most) override {
    return std::vector<int32_t>(most, 1);
  }
};

// Sequences that decode on a machine whose steps take as long as is said, and
// whose guesses are right as often as is said.
class Decoding {
 public:
  using Seconds = std::function<double(int32_t rows)>;

  Decoding(int32_t sequences, Seconds seconds, int32_t target_step_ms = 40,
           int32_t blocks = 1 << 12, int32_t max_new_tokens = 1 << 19)
      : vocabulary_(Letters()),
        pool_(blocks, kBlockSize),
        seconds_(std::move(seconds)),
        speculation_(
            {.on = true, .max_draft = 8, .target_step_ms = target_step_ms}) {
    for (int32_t i = 0; i < sequences; ++i) {
      live_.push_back(std::make_unique<LiveRequest>(
          i + 1, MakeRequest(max_new_tokens), account_, 0));
      live_.back()->sequences.emplace_back(*live_.back(), 0, pool_, vocabulary_,
                                           2);
      decoding_.push_back(&live_.back()->sequences.back());
      EXPECT_TRUE(decoding_.back()->blocks.Grow(3));
    }
  }

  // Tokens a second of so many steps, against those without any guess.
  double Run(int32_t steps, double right_share) {
    double tokens = 0, took = 0;
    for (int32_t i = 0; i < steps; ++i) {
      const DecodeStep step = Step(right_share);
      tokens += step.decode_rows + step.accepted;
      took += ToSeconds(step.elapsed);
      drafted_ += step.draft_rows;
      longest_ = std::max(longest_, step.elapsed);
    }
    const int32_t rows = static_cast<int32_t>(decoding_.size());
    return tokens / took / (rows / seconds_(rows));
  }

  DecodeStep Step(double right_share) {
    speculation_.Plan(decoding_, source_, pool_, /*most_rows=*/512);
    DecodeStep step;
    step.decode_rows = static_cast<int32_t>(decoding_.size());
    for (Sequence* sequence : decoding_) {
      const auto drafts = std::exchange(sequence->drafts, {});
      const int32_t count = static_cast<int32_t>(drafts.size());
      EXPECT_LE(
          static_cast<int64_t>(sequence->ids.size()) + count,
          std::max<int64_t>(sequence->blocks.capacity(), sequence->ids.size()));
      step.draft_rows += count;
      if (count == 0) continue;
      int32_t right = 0;
      while (right < count && chance_(random_) < right_share) ++right;
      speculation_.OnVerified(*sequence, right, right + (right < count));
      step.accepted += right;
    }
    const double seconds = seconds_(step.decode_rows + step.draft_rows);
    step.elapsed = static_cast<Nanos>(seconds * kNanosPerSecond);
    speculation_.OnStep(step);
    return step;
  }

  void set_seconds(Seconds seconds) { seconds_ = std::move(seconds); }
  std::vector<Sequence*>& decoding() { return decoding_; }
  BlockPool& pool() { return pool_; }
  int64_t drafted() const { return drafted_; }
  Nanos longest() const { return longest_; }

 private:
  Vocabulary vocabulary_;
  BlockPool pool_;
  TenantLedger::Account account_;
  Seconds seconds_;
  Speculation speculation_;
  Eager source_;
  std::vector<std::unique_ptr<LiveRequest>> live_;
  std::vector<Sequence*> decoding_;
  std::mt19937 random_{7};
  std::uniform_real_distribution<double> chance_{0, 1};
  int64_t drafted_ = 0;
  Nanos longest_ = 0;
};

// A row more costs this share of the first.
Decoding::Seconds Rising(double share, double first = 0.010) {
  return [=](int32_t rows) { return first * (1 + share * (rows - 1)); };
}

TEST(SpeculationTest, WrongGuessesLoseNoMoreThanTheirShare) {
  for (const double share : {0.0, 0.02, 0.1, 0.5, 1.0}) {
    for (const int32_t sequences : {1, 3, 16, 60}) {
      Decoding decoding(sequences, Rising(share));
      EXPECT_GE(decoding.Run(500, 0), 0.97) << share << " " << sequences;
    }
  }
}

// Where the machine itself is now fast and now slow, wrong guesses must not
// look as if they had made it fast.
TEST(SpeculationTest, NoiseMakesNoWrongGuessPay) {
  for (const double drift : {0.2, 0.4}) {
    std::mt19937 random(5);
    double pace = 1;
    int64_t calls = 0;
    const auto seconds = [&](int32_t rows) {
      if (calls++ % 60 == 0) pace = 1 + drift * (random() % 1000) / 1000;
      const double noise = 0.95 + 0.1 * (random() % 1000) / 1000;
      return 0.030 * (1 + 0.1 * (rows - 1)) * pace * noise;
    };
    Decoding decoding(1, seconds);
    decoding.Run(2000, 0);
    // A hundredth of all steps, at a tenth of one for each row, and some noise.
    EXPECT_LE(decoding.drafted(), 2000 / 5) << drift;
  }
}

TEST(SpeculationTest, RightGuessesPayWhereRowsAreCheap) {
  EXPECT_GE(Decoding(1, Rising(0.1)).Run(500, 0.5), 1.3);
  EXPECT_GE(Decoding(1, Rising(0.1)).Run(500, 0.7), 1.6);
  EXPECT_GE(Decoding(1, Rising(0.1)).Run(500, 0.9), 2.5);
  EXPECT_GE(Decoding(6, Rising(0.02)).Run(500, 0.7), 1.4);
}

TEST(SpeculationTest, RowsThatCostAStepAreNotDrafted) {
  for (const int32_t sequences : {1, 8, 32}) {
    Decoding decoding(sequences, Rising(1));
    EXPECT_GE(decoding.Run(1000, 0.9), 0.97);
    EXPECT_LE(decoding.drafted(), 1000 * sequences / 10);
  }
}

TEST(SpeculationTest, WhatChangesIsFoundAgain) {
  Decoding decoding(2, Rising(0.05));
  EXPECT_GE(decoding.Run(1000, 0), 0.97);
  decoding.Run(400, 0.9);
  EXPECT_GE(decoding.Run(400, 0.9), 1.5);
  EXPECT_GE(decoding.Run(1000, 0), 0.96);
  // Rows become dear, and cheap again.
  decoding.Run(400, 0.9);
  decoding.set_seconds(Rising(1));
  EXPECT_GE(decoding.Run(1000, 0.9), 0.95);
  decoding.set_seconds(Rising(0.05));
  decoding.Run(1000, 0.9);
  EXPECT_GE(decoding.Run(400, 0.9), 1.5);
}

TEST(SpeculationTest, StepsKeepToTheTargetOrTakeLittleMoreThanWithout) {
  struct Case {
    int32_t sequences;
    double first;   // seconds of a row alone
    int64_t limit;  // of a step, microseconds
  };
  // Of 20 ms within the target; from 13 ms on more than a plain step.
  for (const Case& one : {Case{4, 0.010, 20'000}, Case{4, 0.020, 32'500},
                          Case{1, 0.015, 30'000}, Case{1, 0.030, 60'000}}) {
    Decoding decoding(one.sequences, Rising(0.1, one.first), 20);
    decoding.Run(500, 0.95);
    EXPECT_GT(decoding.drafted(), 500);
    int64_t over = 0;
    for (int32_t i = 0; i < 500; ++i) {
      over += decoding.Step(0.95).elapsed > one.limit * kNanosPerMicro;
    }
    // Now and then what was forgotten is measured again.
    EXPECT_LE(over, 10) << one.sequences << " " << one.first;
  }
}

TEST(SpeculationTest, NothingIsGuessedBeyondTheLastToken) {
  Decoding decoding(1, Rising(0), 40, 100, /*max_new_tokens=*/3);
  decoding.Run(50, 1);
  EXPECT_GT(decoding.drafted(), 0);
  for (int32_t i = 0; i < 100; ++i) {
    EXPECT_LE(decoding.Step(1).draft_rows, 2);
  }
}

TEST(SpeculationTest, GuessesTakeNoBlockThatOthersMayNeed) {
  // Three blocks of three sequences, and no more than one for each.
  Decoding decoding(3, Rising(0), 40, /*blocks=*/6);
  decoding.Run(200, 1);
  EXPECT_GT(decoding.drafted(), 0);
  EXPECT_EQ(decoding.pool().available(), 3);
  // One more may go.
  Decoding roomy(3, Rising(0), 40, /*blocks=*/7);
  roomy.Run(200, 1);
  EXPECT_EQ(roomy.pool().available(), 3);
}

TEST(SpeculationTest, LargeStepsHaveNone) {
  Decoding decoding(StepCost::kMostRows, Rising(0));
  decoding.Run(50, 1);
  EXPECT_EQ(decoding.drafted(), 0);
}

}  // namespace
}  // namespace sluice::generator
