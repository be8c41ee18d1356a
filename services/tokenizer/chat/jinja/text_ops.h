#pragma once

// Python's string methods on marked text.

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
Text Strip(const Text& text, const StripRules& rules);

// At most `count` times; all when negative. An empty `from` matches between
// characters.
absl::StatusOr<Text> Replace(const Text& text, std::string_view from,
                             const Text& to, int64_t count, Budget& budget);

// At most `limit` cuts; all when negative. REQUIRES: !separator.empty().
std::vector<Text> Split(const Text& text, std::string_view separator,
                        int64_t limit);
std::vector<Text> SplitFromRight(const Text& text, std::string_view separator,
                                 int64_t limit);
// By runs of white space, which also go away at both ends.
std::vector<Text> SplitSpace(const Text& text, int64_t limit);
std::vector<Text> SplitSpaceFromRight(const Text& text, int64_t limit);
std::vector<Text> SplitLines(const Text& text, bool keep_ends);

enum class Casing { kUpper, kLower, kCapitalize, kTitle, kSwap, kFold };
Text ChangeCase(const Text& text, Casing casing);
// Jinja's title filter: a word begins after white space and - ( { [ <.
Text TitleWords(const Text& text);

}  // namespace sluice::tokenizer::jinja
