#pragma once

// Finds added tokens in text: leftmost first, the longest of those that start
// there, then their demands on what stands around them.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "common/vocabulary/token_table.h"
#include "services/tokenizer/core/unicode/char_classes.h"

namespace sluice::tokenizer {

// An added token at bytes [begin, end), with the white space it takes.
struct AddedMatch {
  uint32_t begin;
  uint32_t end;
  int32_t id;
};

// Bytes of a text up to `end`, from the end of the region before; matches stay
// inside one region. Without `parse_special` special tokens in it are passed
// over as plain text.
struct MatchRegion {
  uint32_t end;
  bool parse_special;
};

// Threads: any (immutable).
class AddedTokens {
 public:
  // Tokens without content are left out; of two that spell the same the first
  // one counts.
  explicit AddedTokens(absl::Span<const AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  // REQUIRES: valid UTF-8; the last region ends with the text.
  std::vector<AddedMatch> Find(std::string_view text,
                               absl::Span<const MatchRegion> regions) const;

 private:
  static constexpr int32_t kNone = -1;

  struct Hit {
    size_t end;
    int32_t token;  // index in tokens_, kNone for no hit
  };
  void Insert(std::string_view content, int32_t token);
  // The longest token that starts at `at` and ends by `limit`.
  Hit LongestAt(std::string_view text, size_t at, size_t limit) const;
  bool IsWordAround(std::string_view text, size_t begin, size_t end) const;
  size_t SpaceBefore(std::string_view text, size_t at) const;
  size_t SpaceAfter(std::string_view text, size_t at) const;

  CharClasses classes_;
  std::vector<AddedToken> tokens_;
  // A trie over bytes: node << 8 | byte -> node; which token ends at a node.
  std::array<bool, 256> starts_{};
  absl::flat_hash_map<uint64_t, uint32_t> children_;
  std::vector<int32_t> ends_;
};

}  // namespace sluice::tokenizer
