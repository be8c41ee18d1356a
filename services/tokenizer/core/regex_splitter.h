#pragma once

// Splitting by any other pattern: PCRE2 with just-in-time code and a limit on
// the work of one match. Patterns are written for Oniguruma (Ruby syntax); the
// classes \p{L} (Lu, Ll, Lt, Lm, Lo) \p{N} \p{M} \p{P} \p{S} \s \w mean ours,
// of Unicode 16.

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/core/splitter.h"

namespace sluice::tokenizer {

// What becomes of the matches; "contiguous" joins neighbouring matches.
enum class SplitBehavior {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

struct RegexSplit {
  std::string pattern;
  bool literal = false;  // the pattern is plain text
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what lies between matches counts as matched
};

// Errors: INVALID_ARGUMENT for a pattern that does not compile.
absl::StatusOr<std::unique_ptr<Splitter>> MakeRegexSplitter(
    const RegexSplit& split);

// The pattern with our classes spelled out; exposed for tests.
std::string WithOwnClasses(std::string_view pattern);

}  // namespace sluice::tokenizer
