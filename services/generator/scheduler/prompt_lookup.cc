#include "services/generator/scheduler/prompt_lookup.h"

#include <algorithm>

namespace sluice::generator {
namespace {

constexpr size_t kFewHeads = 256;

// Ids that are the same before two places, as far as anybody looks.
int32_t CommonBefore(absl::Span<const int32_t> ids, int32_t place,
                     int32_t other) {
  const int32_t most = std::min({place, other, PromptLookup::kMostCompared});
  int32_t common = 0;
  while (common < most && ids[place - common - 1] == ids[other - common - 1]) {
    ++common;
  }
  return common;
}

}  // namespace

std::vector<int32_t> PromptLookup::Guess(absl::Span<const int32_t> ids,
                                         int32_t most) {
  Index(ids);
  std::vector<int32_t> guesses;
  const int32_t place = FindPlace(ids);
  if (place == kNowhere) return guesses;
  // What is repeated may end within what was read: then it goes round.
  const size_t size = ids.size();
  for (size_t at = place; guesses.size() < static_cast<size_t>(most); ++at) {
    guesses.push_back(at < size ? ids[at] : guesses[at - size]);
  }
  return guesses;
}

// A place counts once an id stands there.
void PromptLookup::Index(absl::Span<const int32_t> ids) {
  const size_t end = std::min(ids.size(), previous_.size() + kMostIndexed);
  if (end * 2 > heads_.size()) {
    size_t heads = std::max(heads_.size(), kFewHeads);
    while (heads < end * 2) heads *= 2;
    heads_.assign(heads, kNowhere);
    for (size_t place = 0; place < previous_.size(); ++place) {
      Link(ids, static_cast<int32_t>(place));
    }
  }
  while (previous_.size() < end) {
    previous_.push_back(kNowhere);
    Link(ids, static_cast<int32_t>(previous_.size()) - 1);
  }
}

void PromptLookup::Link(absl::Span<const int32_t> ids, int32_t place) {
  if (place < kGram) return;
  int32_t& head = heads_[HeadOf(ids, place)];
  previous_[place] = head;
  head = place;
}

size_t PromptLookup::HeadOf(absl::Span<const int32_t> ids,
                            int32_t place) const {
  uint64_t hash = 0;
  for (int32_t i = place - kGram; i < place; ++i) {
    hash = (hash ^ static_cast<uint32_t>(ids[i])) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return hash & (heads_.size() - 1);
}

int32_t PromptLookup::FindPlace(absl::Span<const int32_t> ids) const {
  const int32_t end = static_cast<int32_t>(ids.size());
  int32_t best = kNowhere;
  if (end < kGram) return best;
  int32_t most_common = kGram - 1;
  int32_t place = heads_[HeadOf(ids, end)];
  for (int32_t looked = 0; looked < kMostPlaces && place != kNowhere;
       ++looked, place = previous_[place]) {
    const int32_t common = CommonBefore(ids, end, place);
    if (common <= most_common) continue;
    most_common = common;
    best = place;
  }
  return best;
}

}  // namespace sluice::generator
