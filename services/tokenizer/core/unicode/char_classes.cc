#include "services/tokenizer/core/unicode/char_classes.h"

#include <algorithm>
#include <map>

#include "absl/types/span.h"

namespace sluice::tokenizer {
namespace {

constexpr ClassRange kRanges[] = {
#include "services/tokenizer/core/unicode/class_ranges.inc"
};

constexpr ClassRange kLetterRanges[] = {
#include "services/tokenizer/core/unicode/letter_ranges.inc"
};
constexpr int kLetterShift = 8;  // bit 0 there is kUpper

std::vector<ClassRange> Select(absl::Span<const ClassRange> all, int bits,
                               CharClass wanted) {
  std::vector<ClassRange> ranges;
  for (const ClassRange& range : all) {
    if ((range.classes & bits) == 0) continue;
    if (!ranges.empty() && ranges.back().last + 1 == range.first) {
      ranges.back().last = range.last;
    } else {
      ranges.push_back({range.first, range.last, wanted});
    }
  }
  return ranges;
}

}  // namespace

CharClasses::CharClasses() {
  std::vector<uint8_t> flat(kCodePoints, 0);
  for (const ClassRange& range : kRanges) {
    std::fill(flat.begin() + range.first, flat.begin() + range.last + 1,
              static_cast<uint8_t>(range.classes));
  }
  std::map<std::string_view, uint16_t> known;
  for (size_t block = 0; block < block_of_.size(); ++block) {
    const uint8_t* begin = flat.data() + (block << 8);
    const std::string_view bytes(reinterpret_cast<const char*>(begin), 256);
    const auto next = static_cast<uint16_t>(known.size());
    const auto [at, is_new] = known.emplace(bytes, next);
    if (is_new) blocks_.insert(blocks_.end(), begin, begin + 256);
    block_of_[block] = at->second;
  }
}

std::vector<ClassRange> CharClasses::RangesOf(CharClass wanted) {
  return wanted < kUpper
             ? Select(kRanges, wanted, wanted)
             : Select(kLetterRanges, wanted >> kLetterShift, wanted);
}

}  // namespace sluice::tokenizer
