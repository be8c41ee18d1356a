#pragma once

// Guesses what comes next in a sequence: what followed where its last ids stood
// before.
// Source: Saxena, "Prompt Lookup Decoding", 2023.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sluice::generator {

// An index of the places where any three ids follow each other.
// Limits: 12 bytes for each id; a call reads at most kMostIndexed ids that are
// new and looks at kMostPlaces places, kMostCompared ids each.
// Threads: engine thread only.
class PromptLookup {
 public:
  static constexpr int32_t kGram = 3;
  static constexpr int32_t kMostIndexed = 4096;
  static constexpr int32_t kMostPlaces = 8;
  static constexpr int32_t kMostCompared = 24;

  // At most `most` ids that may follow `ids`; none when its last ids never
  // stood together before. Of the last few places the one with the most ids in
  // common before it counts, of equal ones the last.
  // REQUIRES: `ids` begins with those of the last call.
  std::vector<int32_t> Guess(absl::Span<const int32_t> ids, int32_t most);

 private:
  static constexpr int32_t kNowhere = -1;

  void Index(absl::Span<const int32_t> ids);
  void Link(absl::Span<const int32_t> ids, int32_t place);
  // Where the ids before `place` put it among heads_. REQUIRES: kGram of them.
  size_t HeadOf(absl::Span<const int32_t> ids, int32_t place) const;
  int32_t FindPlace(absl::Span<const int32_t> ids) const;

  std::vector<int32_t> heads_;     // the last place of each kind
  std::vector<int32_t> previous_;  // by place, the one of its kind before it
};

}  // namespace sluice::generator
