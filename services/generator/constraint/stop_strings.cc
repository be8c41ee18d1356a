#include "services/generator/constraint/stop_strings.h"

#include <algorithm>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

std::vector<int32_t> Fallbacks(const std::string& pattern) {
  std::vector<int32_t> fallback(pattern.size(), 0);
  int32_t length = 0;
  for (size_t i = 1; i < pattern.size(); ++i) {
    while (length > 0 && pattern[i] != pattern[length]) {
      length = fallback[length - 1];
    }
    if (pattern[i] == pattern[length]) ++length;
    fallback[i] = length;
  }
  return fallback;
}

}  // namespace

StopStrings::StopStrings(absl::Span<const std::string> patterns)
    : patterns_(patterns.begin(), patterns.end()) {
  for (const std::string& pattern : patterns_) {
    SLUICE_CHECK(!pattern.empty(), "an empty pattern matches everywhere");
    fallback_.push_back(Fallbacks(pattern));
  }
}

int32_t StopStrings::Advance(Cursor& cursor, char byte) const {
  int32_t longest = kNone;
  for (size_t p = 0; p < patterns_.size(); ++p) {
    const std::string& pattern = patterns_[p];
    int32_t& length = cursor[p];
    while (length > 0 && pattern[length] != byte) {
      length = fallback_[p][length - 1];
    }
    if (pattern[length] == byte) ++length;
    if (static_cast<size_t>(length) < pattern.size()) continue;
    length = fallback_[p].back();
    if (longest == kNone || pattern.size() > patterns_[longest].size()) {
      longest = static_cast<int32_t>(p);
    }
  }
  return longest;
}

int32_t StopStrings::PendingBytes(const Cursor& cursor) {
  return cursor.empty() ? 0 : *std::max_element(cursor.begin(), cursor.end());
}

}  // namespace sluice::generator
