#include "tests/parity/random_plans.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace sluice::parity {
namespace {

using generator::SequenceRows;
using generator::StepPlan;

constexpr size_t kMaxSequences = 6;
constexpr int32_t kMaxRows = 24;

template <typename T>
int32_t Size(const std::vector<T>& values) {
  return static_cast<int32_t>(values.size());
}

}  // namespace

int32_t RandomPlans::Draw(int32_t low, int32_t high) {
  return low + static_cast<int32_t>(random_() %
                                    static_cast<uint32_t>(high - low + 1));
}

int32_t RandomPlans::TakeBlock() {
  SLUICE_CHECK(!free_.empty(), "the pool is large enough for the test");
  const size_t index = random_() % free_.size();
  std::swap(free_[index], free_.back());
  const int32_t block = free_.back();
  free_.pop_back();
  return block;
}

StepPlan RandomPlans::Next() {
  StepPlan plan;
  histories_.clear();
  DropFinished();
  MaybeFork(plan);
  if (sequences_.empty() ||
      (sequences_.size() < kMaxSequences && Draw(0, 2) == 0)) {
    sequences_.emplace_back();
  }
  for (Sequence& sequence : sequences_) {
    // Now and then a sequence sits a step out.
    if (plan.sequences.empty() || Draw(0, 5) != 0) {
      plan.sequences.push_back(Extend(sequence));
      histories_.push_back(sequence.ids);
    }
  }
  return plan;
}

void RandomPlans::DropFinished() {
  const auto finished = [&](Sequence& sequence) {
    const bool full = Size(sequence.ids) + kMaxRows > limits_.max_positions;
    if (!full && Draw(0, 30) != 0) return false;
    free_.insert(free_.end(), sequence.blocks.begin(), sequence.blocks.end());
    return true;
  };
  sequences_.erase(
      std::remove_if(sequences_.begin(), sequences_.end(), finished),
      sequences_.end());
}

// The fork owns all its blocks: whole and partly filled ones are copied.
void RandomPlans::MaybeFork(StepPlan& plan) {
  if (sequences_.empty() || sequences_.size() >= kMaxSequences ||
      Draw(0, 3) != 0) {
    return;
  }
  const Sequence& parent =
      sequences_[random_() % static_cast<uint32_t>(sequences_.size())];
  if (parent.ids.empty()) return;
  const int32_t shared = Draw(1, Size(parent.ids));
  Sequence fork;
  fork.ids.assign(parent.ids.begin(), parent.ids.begin() + shared);
  for (int32_t at = 0; at < shared; at += limits_.block_size) {
    const int32_t to = TakeBlock();
    plan.copies.push_back({parent.blocks[at / limits_.block_size], to,
                           std::min(limits_.block_size, shared - at)});
    fork.blocks.push_back(to);
  }
  sequences_.push_back(std::move(fork));
}

SequenceRows RandomPlans::Extend(Sequence& sequence) {
  const int32_t rows = Draw(0, 1) == 0 ? 1 : Draw(1, kMaxRows);
  SequenceRows out;
  for (int32_t i = 0; i < rows; ++i) {
    out.token_ids.push_back(Draw(0, limits_.vocabulary_size - 1));
  }
  out.first_position = Size(sequence.ids);
  sequence.ids.insert(sequence.ids.end(), out.token_ids.begin(),
                      out.token_ids.end());
  while (Size(sequence.blocks) * limits_.block_size < Size(sequence.ids)) {
    sequence.blocks.push_back(TakeBlock());
  }
  out.block_table = sequence.blocks;
  out.wants_logits = Draw(0, 3) != 0;
  return out;
}

}  // namespace sluice::parity
