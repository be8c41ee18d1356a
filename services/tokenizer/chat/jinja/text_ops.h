#pragma once

// Python's string methods on marked text. Each pays for what it looks at and
// makes. Errors: RESOURCE_EXHAUSTED.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/text.h"

namespace sluice::tokenizer::jinja {

struct StripRules {
  std::optional<std::string_view> characters = {};  // white space when absent
  bool left = true;
  bool right = true;
};
struct TextBounds {
  size_t begin = 0;
  size_t end = 0;
};
// What is left of the text.
absl::StatusOr<TextBounds> Strip(std::string_view bytes,
                                 const StripRules& rules, Budget& budget);

// At most `count` times; all when negative. An empty `from` matches between
// characters.
absl::StatusOr<Text> Replace(const Text& text, std::string_view from,
                             const Text& to, int64_t count, Budget& budget);

using Parts = absl::StatusOr<std::vector<Text>>;
// At most `limit` cuts; all when negative. REQUIRES: !separator.empty().
Parts Split(const Text& text, std::string_view separator, int64_t limit,
            Budget& budget);
Parts SplitFromRight(const Text& text, std::string_view separator,
                     int64_t limit, Budget& budget);
// By runs of white space, which also go away at both ends.
Parts SplitSpace(const Text& text, int64_t limit, Budget& budget);
Parts SplitSpaceFromRight(const Text& text, int64_t limit, Budget& budget);
Parts SplitLines(const Text& text, bool keep_ends, Budget& budget);

enum class Casing { kUpper, kLower, kCapitalize, kTitle, kSwap, kFold };
absl::StatusOr<Text> ChangeCase(const Text& text, Casing casing,
                                Budget& budget);
// Jinja's title filter: a word begins after white space and - ( { [ <.
absl::StatusOr<Text> TitleWords(const Text& text, Budget& budget);

}  // namespace sluice::tokenizer::jinja
