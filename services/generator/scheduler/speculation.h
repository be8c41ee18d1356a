#pragma once

// Lossless speculation: which sequences get guesses of their next ids to verify
// in the same step, and how many. The sampler chooses every id as it would have
// without them; a guess that it chose too saves a step, what follows a wrong
// one is run again.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/generator/kv_cache/block_pool.h"
#include "services/generator/scheduler/accept_rate.h"
#include "services/generator/scheduler/scheduler_options.h"
#include "services/generator/scheduler/sequence.h"
#include "services/generator/scheduler/step_cost.h"

namespace sluice::generator {

// Where guesses come from. Threads: engine thread only.
class DraftSource {
 public:
  virtual ~DraftSource() = default;
  // At most `most` ids that may follow those of the sequence; may be none. All
  // lie in the vocabulary.
  virtual std::vector<int32_t> Guess(Sequence& sequence, int32_t most) = 0;
};

// By prompt lookup in the sequence's own ids.
class LookupDrafts final : public DraftSource {
 public:
  std::vector<int32_t> Guess(Sequence& sequence, int32_t most) override;
};

// A step of decode rows alone, as it went.
struct DecodeStep {
  int32_t decode_rows = 0;  // one a sequence
  int32_t draft_rows = 0;
  int32_t accepted = 0;  // of these
  Nanos elapsed = 0;
};

// Takes as many guesses as the measured times of steps and the measured rates
// of acceptance say bring the most tokens a second, and none where a step would
// take much longer than it should. What that can lose is bounded: time lost is
// owed, and a small share of all steps pays it back; until then there are no
// drafts. Threads: engine thread only.
class Speculation {
 public:
  explicit Speculation(const SpeculationOptions& options) : options_(options) {}

  // Sets the drafts of each of these, which decode in a step without prefill;
  // most have none. Blocks for them are taken while every sequence could still
  // get one. At most `most_rows` rows in all.
  void Plan(absl::Span<Sequence* const> decoding, DraftSource& source,
            const BlockPool& pool, int32_t most_rows);

  // Of the drafts of the sequence that were judged, the first `right` were what
  // the sampler chose.
  void OnVerified(Sequence& sequence, int32_t right, int32_t judged);
  void OnStep(const DecodeStep& step);

 private:
  // A guess, and the chance that it and all before it are right.
  struct Candidate {
    double chance = 0;
    int32_t at = 0;  // among those of its sequence
    int32_t sequence = 0;
  };

  void Collect(absl::Span<Sequence* const> decoding, DraftSource& source);
  // How many candidates, the likeliest first, to take.
  int32_t ChooseCount(int32_t decode_rows, int32_t most_drafts) const;
  // A few guesses of who had none for the longest time, where none promise to
  // pay: what was measured may have changed.
  void Try(absl::Span<Sequence* const> decoding, int32_t most_drafts);
  double LongestStep(int32_t decode_rows) const;
  // Expected of a step with so many drafts.
  double SecondsWith(int32_t decode_rows, int32_t drafts) const;

  const SpeculationOptions options_;
  StepCost cost_;
  AcceptRate rate_{0.99};                      // of all sequences
  std::vector<std::vector<int32_t>> guesses_;  // by place in the plan
  std::vector<Candidate> candidates_;
  int64_t steps_ = 0;
  int32_t drafted_in_a_row_ = 0;   // steps with drafts since one without
  double balance_ = kMostBalance;  // in steps; below 0: owed
  static constexpr double kMostBalance = 1;
};

}  // namespace sluice::generator
