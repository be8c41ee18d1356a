#pragma once

// Sets of characters that follow no one version of Unicode, as components of
// the Hugging Face library use them, and sets put together by callers.

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/types/span.h"

namespace sluice::tokenizer {

struct CharRange {
  char32_t first;
  char32_t last;
};

// Threads: immutable after construction.
class CharSet {
 public:
  CharSet() = default;
  // In any order, overlaps allowed.
  explicit CharSet(std::vector<CharRange> ranges);

  bool Contains(char32_t character) const;
  // Ascending, neighbours joined.
  const std::vector<CharRange>& ranges() const { return ranges_; }

  CharSet Union(const CharSet& other) const;
  CharSet Intersection(const CharSet& other) const;
  // Every code point up to U+10FFFF that is not in it.
  CharSet Complement() const;

 private:
  std::vector<CharRange> ranges_;
};

// What the pre-tokenizers Punctuation and BertPreTokenizer cut at.
CharSet PunctuationSet();
// What the normalizer StripAccents removes.
CharSet AccentSet();
// What BertNormalizer removes as accents, and as control characters.
CharSet BertAccentSet();
CharSet BertControlSet();

}  // namespace sluice::tokenizer
