#include "services/generator/scheduler/speculation.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

// Before anything was guessed.
constexpr double kFirstRate = 0.5;
// Tokens a second must become better by this share: less is noise.
constexpr double kLeastGain = 0.03;
// Share of all steps that drafts may lose in the long run.
constexpr double kLostShare = 0.01;
// Where a step without drafts takes about as long as it should, or longer, one
// with them may take so many times as long; less where it holds up others.
constexpr double kLongestAlone = 2;
constexpr double kLongestTogether = 1.25;
// A draft costs at least this share of what its step spends on a sequence,
// whatever was measured: noise must not make wrong guesses look free.
constexpr double kLeastCost = 0.04;
// Steps with drafts after which one without is measured again.
constexpr int32_t kMostInARow = 64;
constexpr int32_t kTriedGuesses = 2;
// A measured step counts as at most so many of what was expected of it.
constexpr double kMostOfExpected = 2;

int32_t MostDrafts(const Sequence& sequence, int32_t max_draft) {
  // A step with k drafts may bring k + 1 ids.
  const int32_t left = sequence.request->request.params().max_new_tokens -
                       sequence.stops.generated();
  return std::min(max_draft, left - 1);
}

// What of `wanted` guesses the sequence has blocks for, or gets them for while
// `others` could still each get one.
int32_t GrowFor(Sequence& sequence, int32_t wanted, const BlockPool& pool,
                int32_t others) {
  const int64_t positions = static_cast<int64_t>(sequence.ids.size());
  const int32_t blocks =
      std::min(sequence.blocks.BlocksMissing(positions + wanted),
               std::max(0, pool.available() - others));
  SLUICE_CHECK(sequence.blocks.Grow(sequence.blocks.capacity() +
                                    int64_t{blocks} * pool.block_size()),
               "available blocks can be taken");
  return static_cast<int32_t>(
      std::min<int64_t>(wanted, sequence.blocks.capacity() - positions));
}

}  // namespace

std::vector<int32_t> LookupDrafts::Guess(Sequence& sequence, int32_t most) {
  return sequence.lookup.Guess(sequence.ids, most);
}

void Speculation::Plan(absl::Span<Sequence* const> decoding,
                       DraftSource& source, const BlockPool& pool,
                       int32_t most_rows) {
  ++steps_;
  const int32_t rows = static_cast<int32_t>(decoding.size());
  const int32_t most_drafts = std::min(most_rows, StepCost::kMostRows) - rows;
  // What a step takes without drafts is measured first, and now and then again.
  if (most_drafts <= 0 || !cost_.knows(rows) || balance_ < 0 ||
      drafted_in_a_row_ >= kMostInARow) {
    return;
  }
  Collect(decoding, source);
  if (candidates_.empty()) return;
  const int32_t count = ChooseCount(rows, most_drafts);
  for (int32_t i = 0; i < count; ++i) {
    const Candidate& candidate = candidates_[i];
    decoding[candidate.sequence]->drafts.push_back(
        guesses_[candidate.sequence][candidate.at]);
  }
  if (count == 0) Try(decoding, most_drafts);
  for (Sequence* sequence : decoding) {
    if (sequence->drafts.empty()) continue;
    const int32_t wanted = static_cast<int32_t>(sequence->drafts.size());
    sequence->drafts.resize(GrowFor(*sequence, wanted, pool, rows));
    sequence->drafted_at_step = steps_;
  }
}

void Speculation::Collect(absl::Span<Sequence* const> decoding,
                          DraftSource& source) {
  candidates_.clear();
  guesses_.assign(decoding.size(), {});
  const double expected = rate_.Value(kFirstRate);
  for (size_t s = 0; s < decoding.size(); ++s) {
    const int32_t most = MostDrafts(*decoding[s], options_.max_draft);
    const Request& request = decoding[s]->request->request;
    if (most <= 0 || request.bypass_speculation()) continue;
    guesses_[s] = source.Guess(*decoding[s], most);
    SLUICE_CHECK(guesses_[s].size() <= static_cast<size_t>(most),
                 "no more guesses than were asked for");
    const double rate = decoding[s]->draft_rate.Value(expected);
    double chance = 1;
    for (size_t at = 0; at < guesses_[s].size(); ++at) {
      chance *= rate;
      candidates_.push_back({.chance = chance,
                             .at = static_cast<int32_t>(at),
                             .sequence = static_cast<int32_t>(s)});
    }
  }
  // No guess comes before those that it follows.
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) {
              if (a.chance != b.chance) return a.chance > b.chance;
              return std::make_pair(a.at, a.sequence) <
                     std::make_pair(b.at, b.sequence);
            });
}

double Speculation::LongestStep(int32_t decode_rows) const {
  return std::max(options_.target_step_ms * 1e-3,
                  cost_.Seconds(decode_rows) *
                      (decode_rows == 1 ? kLongestAlone : kLongestTogether));
}

double Speculation::SecondsWith(int32_t decode_rows, int32_t drafts) const {
  return std::max(
      cost_.Seconds(decode_rows + drafts),
      cost_.Seconds(decode_rows) * (1 + kLeastCost * drafts / decode_rows));
}

int32_t Speculation::ChooseCount(int32_t decode_rows,
                                 int32_t most_drafts) const {
  const double plain = cost_.Seconds(decode_rows);
  const double longest = LongestStep(decode_rows);
  // Beyond what was measured only a little at a time.
  const int32_t most =
      std::min({most_drafts, static_cast<int32_t>(candidates_.size()),
                cost_.most_known() + kTriedGuesses - decode_rows});
  double best = decode_rows / plain * (1 + kLeastGain);
  double tokens = decode_rows;
  int32_t count = 0;
  for (int32_t i = 0; i < most; ++i) {
    tokens += candidates_[i].chance;
    const double seconds = SecondsWith(decode_rows, i + 1);
    if (seconds > longest || tokens <= best * seconds) continue;
    best = tokens / seconds;
    count = i + 1;
  }
  return count;
}

void Speculation::Try(absl::Span<Sequence* const> decoding,
                      int32_t most_drafts) {
  const int32_t rows = static_cast<int32_t>(decoding.size());
  const double plain = cost_.Seconds(rows);
  int32_t oldest = -1;
  for (int32_t s = 0; s < rows; ++s) {
    if (guesses_[s].empty()) continue;
    if (oldest < 0 ||
        decoding[s]->drafted_at_step < decoding[oldest]->drafted_at_step) {
      oldest = s;
    }
  }
  const int32_t count =
      std::min({kTriedGuesses, most_drafts,
                static_cast<int32_t>(guesses_[oldest].size())});
  const double seconds = SecondsWith(rows, count);
  if (seconds > LongestStep(rows)) return;
  if (balance_ < std::min(seconds / plain - 1, kMostBalance)) return;
  decoding[oldest]->drafts.assign(guesses_[oldest].begin(),
                                  guesses_[oldest].begin() + count);
}

void Speculation::OnVerified(Sequence& sequence, int32_t right,
                             int32_t judged) {
  sequence.draft_rate.Add(right, judged);
  rate_.Add(right, judged);
}

void Speculation::OnStep(const DecodeStep& step) {
  const int32_t rows = step.decode_rows + step.draft_rows;
  if (step.elapsed <= 0 || step.decode_rows == 0 ||
      rows > StepCost::kMostRows) {
    return;
  }
  // What somebody else held up is not lost by drafts.
  double seconds = ToSeconds(step.elapsed);
  cost_.OnStep(rows, step.elapsed);
  seconds = std::min(seconds, kMostOfExpected * cost_.Seconds(rows));
  const double took = seconds / cost_.Seconds(step.decode_rows);
  balance_ += kLostShare * took;
  drafted_in_a_row_ = step.draft_rows == 0 ? 0 : drafted_in_a_row_ + 1;
  if (step.draft_rows > 0) {
    const double saved = static_cast<double>(step.accepted) / step.decode_rows;
    const double least = 1 + kLeastCost * step.draft_rows / step.decode_rows;
    balance_ += 1 + saved - std::max(took, least);
  }
  balance_ = std::min(balance_, kMostBalance);
}

}  // namespace sluice::generator
