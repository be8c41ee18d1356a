#include "services/tokenizer/core/unicode/char_classes.h"

#include <algorithm>
#include <map>

namespace sluice::tokenizer {
namespace {

constexpr ClassRange kRanges[] = {
#include "services/tokenizer/core/unicode/class_ranges.inc"
};

}  // namespace

CharClasses::CharClasses() {
  std::vector<uint8_t> flat(kCodePoints, 0);
  for (const ClassRange& range : kRanges) {
    std::fill(flat.begin() + range.first, flat.begin() + range.last + 1,
              range.classes);
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
  std::vector<ClassRange> ranges;
  for (const ClassRange& range : kRanges) {
    if ((range.classes & wanted) == 0) continue;
    if (!ranges.empty() && ranges.back().last + 1 == range.first) {
      ranges.back().last = range.last;
    } else {
      ranges.push_back({range.first, range.last, wanted});
    }
  }
  return ranges;
}

}  // namespace sluice::tokenizer
