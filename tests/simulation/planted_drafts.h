#pragma once

// Guesses that are right as often as is wished: of what the oracle says comes
// next, and of what does not.

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "services/generator/scheduler/speculation.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/oracle.h"

namespace sluice::generator {

// What a sequence must say; null: nobody knows.
using ExpectationOf = std::function<const ExpectedSequence*(const Sequence&)>;

// Of these guesses the first that the sampler has to choose too, and that bring
// ids behind the one that is due anyway.
int32_t RightGuesses(const ExpectedSequence& expected, const Sequence& sequence,
                     absl::Span<const int32_t> guesses);

// Threads: one at a time.
class PlantedDrafts final : public DraftSource {
 public:
  PlantedDrafts(double rate, Dice& dice, ExpectationOf expectation)
      : rate_(rate), dice_(dice), expectation_(std::move(expectation)) {}

  std::vector<int32_t> Guess(Sequence& sequence, int32_t most) override;

 private:
  const double rate_;
  Dice& dice_;
  const ExpectationOf expectation_;
};

}  // namespace sluice::generator
