#pragma once

// Random mixed batches for comparing two runners with each other: ragged
// prefill and decode together, forks by block copy, blocks that are reused.

#include <cstdint>
#include <random>
#include <vector>

#include "services/generator/runner/step_plan.h"

namespace sluice::parity {

struct PlanLimits {
  int32_t vocabulary_size = 0;
  int32_t block_size = 0;
  int32_t block_count = 0;
  int32_t max_positions = 0;  // of one sequence
};

// A small scheduler without a mind: every plan it makes is valid.
class RandomPlans {
 public:
  RandomPlans(const PlanLimits& limits, uint32_t seed)
      : limits_(limits), random_(seed) {
    for (int32_t block = 0; block < limits.block_count; ++block) {
      free_.push_back(block);
    }
  }

  // Never empty of sequences.
  generator::StepPlan Next();
  // All ids, from position 0, of sequence i of the last plan.
  const std::vector<int32_t>& History(size_t i) const { return histories_[i]; }

 private:
  struct Sequence {
    std::vector<int32_t> ids;  // all of them in the cache
    std::vector<int32_t> blocks;
  };

  int32_t Draw(int32_t low, int32_t high);  // inclusive
  int32_t TakeBlock();
  void DropFinished();
  void MaybeFork(generator::StepPlan& plan);
  generator::SequenceRows Extend(Sequence& sequence);

  const PlanLimits limits_;
  std::mt19937 random_;
  std::vector<int32_t> free_;
  std::vector<Sequence> sequences_;
  std::vector<std::vector<int32_t>> histories_;
};

}  // namespace sluice::parity
