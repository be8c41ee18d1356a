#pragma once

// A compiled search pattern: PCRE2 with just-in-time code and a limit on the
// work of one match.

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::tokenizer {

// Threads: any (immutable).
class Pattern {
 public:
  // A regular expression in the syntax of Oniguruma (Ruby), which published
  // files use; see onig_syntax.h. Errors: INVALID_ARGUMENT for one that does
  // not compile or is too long.
  static absl::StatusOr<Pattern> Regex(std::string_view regex);
  // Plain text. Errors: INVALID_ARGUMENT when it is too long.
  static absl::StatusOr<Pattern> Literal(std::string_view text);

  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // Calls `visit` with bytes [begin, end) of every match, left to right and
  // apart; an empty match is followed by a step of one character.
  // REQUIRES: valid UTF-8.
  // Errors: RESOURCE_EXHAUSTED when a match needs too many steps.
  absl::Status ForEachMatch(
      std::string_view text,
      absl::FunctionRef<void(size_t begin, size_t end)> visit) const;

 private:
  struct Compiled;
  explicit Pattern(std::unique_ptr<Compiled> compiled);
  static absl::StatusOr<Pattern> Compile(std::string_view pattern,
                                         bool literal);

  std::unique_ptr<Compiled> compiled_;
};

}  // namespace sluice::tokenizer
