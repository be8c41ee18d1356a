#pragma once

// Splitting at matches: of a pattern or of single characters.

#include <memory>

#include "absl/status/statusor.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/core/pre_tokenizers/splitter.h"
#include "services/tokenizer/core/regex/pattern.h"
#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {

// What becomes of the matches; "contiguous" joins neighbouring matches.
enum class SplitBehavior {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

// With `invert` what lies between matches counts as matched.
std::unique_ptr<Splitter> MakePatternSplitter(Pattern pattern,
                                              SplitBehavior behavior,
                                              bool invert);
// Every character of the set is a match of its own.
std::unique_ptr<Splitter> MakeCharSplitter(CharSet delimiters,
                                           SplitBehavior behavior);

// The behaviour that `json` names. Errors: INVALID_ARGUMENT.
absl::StatusOr<SplitBehavior> ReadSplitBehavior(const JsonValue& json,
                                                std::string_view key,
                                                std::string_view otherwise);

}  // namespace sluice::tokenizer
