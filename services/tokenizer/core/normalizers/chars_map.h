#pragma once

// The table of rewritings that SentencePiece compiles into its models: keys in
// a double-array trie, values zero-terminated in one block.
// Source: Aoe 1989; the layout is that of the darts-clone library.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::tokenizer {

// Threads: any (immutable).
class CharsMap {
 public:
  // Little-endian: bytes of the trie (u32), the trie, the values.
  // Errors: INVALID_ARGUMENT for lengths that do not fit.
  static absl::StatusOr<CharsMap> Parse(std::string_view blob);

  struct Hit {
    size_t length;  // bytes of the key
    std::string_view value;
  };
  // The shortest and the longest key that `text` starts with.
  std::optional<Hit> Shortest(std::string_view text) const;
  std::optional<Hit> Longest(std::string_view text) const;

 private:
  std::optional<Hit> Search(std::string_view text, bool first_only) const;

  std::vector<uint32_t> units_;
  std::string values_;
};

}  // namespace sluice::tokenizer
