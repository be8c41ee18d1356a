#include "tests/simulation/planted_drafts.h"

#include <algorithm>

#include "tests/simulation/world.h"

namespace sluice::generator {
namespace {

constexpr int32_t kNoId = -1;

// The id that comes `ahead` behind those that were generated.
int32_t ExpectedId(const ExpectedSequence& expected, const Sequence& sequence,
                   size_t ahead) {
  const size_t at = sequence.stops.generated() + ahead;
  if (at < expected.shown.size()) return expected.shown[at];
  const bool ends = at == expected.shown.size();
  return ends ? expected.end.matched_id.value_or(kNoId) : kNoId;
}

}  // namespace

int32_t RightGuesses(const ExpectedSequence& expected, const Sequence& sequence,
                     absl::Span<const int32_t> guesses) {
  const int32_t left = expected.generated - sequence.stops.generated() - 1;
  int32_t right = 0;
  while (right < left && static_cast<size_t>(right) < guesses.size() &&
         guesses[right] == ExpectedId(expected, sequence, right)) {
    ++right;
  }
  return right;
}

std::vector<int32_t> PlantedDrafts::Guess(Sequence& sequence, int32_t most) {
  const ExpectedSequence* expected = expectation_(sequence);
  std::vector<int32_t> guesses(dice_.Between(0, most));
  for (size_t at = 0; at < guesses.size(); ++at) {
    const int32_t right =
        expected == nullptr ? kNoId : ExpectedId(*expected, sequence, at);
    const bool tells = right != kNoId && dice_.Between(1, 100) <= 100 * rate_;
    guesses[at] = tells ? right : dice_.Between(0, kSimVocabulary - 1);
  }
  return guesses;
}

}  // namespace sluice::generator
