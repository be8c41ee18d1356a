#include "services/tokenizer/core/unicode/char_set.h"

#include <algorithm>
#include <utility>

namespace sluice::tokenizer {
namespace {

#include "services/tokenizer/core/unicode/measured_sets.inc"

constexpr char32_t kLastCodePoint = 0x10FFFF;

CharSet MakeSet(absl::Span<const CharRange> ranges) {
  return CharSet(std::vector<CharRange>(ranges.begin(), ranges.end()));
}

}  // namespace

CharSet::CharSet(std::vector<CharRange> ranges) {
  std::sort(
      ranges.begin(), ranges.end(),
      [](const CharRange& a, const CharRange& b) { return a.first < b.first; });
  for (const CharRange& range : ranges) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool CharSet::Contains(char32_t character) const {
  auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), character,
      [](char32_t c, const CharRange& range) { return c < range.first; });
  return after != ranges_.begin() && character <= std::prev(after)->last;
}

CharSet CharSet::Union(const CharSet& other) const {
  std::vector<CharRange> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  return CharSet(std::move(all));
}

CharSet CharSet::Intersection(const CharSet& other) const {
  return Complement().Union(other.Complement()).Complement();
}

CharSet CharSet::Complement() const {
  std::vector<CharRange> gaps;
  char32_t next = 0;
  for (const CharRange& range : ranges_) {
    if (range.first > next) gaps.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) gaps.push_back({next, kLastCodePoint});
  return CharSet(std::move(gaps));
}

CharSet PunctuationSet() { return MakeSet(kPunctuationRanges); }
CharSet AccentSet() { return MakeSet(kAccentRanges); }
CharSet BertAccentSet() { return MakeSet(kBertAccentRanges); }
CharSet BertControlSet() { return MakeSet(kBertControlRanges); }

}  // namespace sluice::tokenizer
