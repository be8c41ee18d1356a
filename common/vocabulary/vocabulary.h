#pragma once

// id -> bytes: all that is needed to turn generated ids into text. The
// Tokenizer makes it from the model directory and serves it; the Generator
// reads it for exact stops; the Gateway fetches it and decodes with it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocabulary/rare_string.h"

namespace sluice {

struct VocabularyEntry {
  std::string bytes;     // what the id adds to the text; need not be UTF-8
  bool special = false;  // left out of text unless specials are shown
  // Instead of `bytes` where the id is the first or the last one of a text. A
  // first form that equals `bytes` says that rules strip nothing off them.
  RareString first_bytes = {};
  RareString last_bytes = {};
};

// How bytes become text, beyond putting them together.
struct DecodeRules {
  bool strip_leading_space = false;  // one, at the very start
  // One character, taken up to so many times from the ends of the text; empty
  // for nothing. Not together with strip_leading_space.
  std::string strip_content = {};
  int32_t strip_leading = 0;
  int32_t strip_trailing = 0;
  bool collapse_repeats = false;  // an id that repeats the one before is none
};

// Limits: at most 2^24 entries, each form of at most 64 KiB.
// Threads: immutable after construction.
class Vocabulary {
 public:
  // Errors: INVALID_ARGUMENT when a limit is passed.
  static absl::StatusOr<Vocabulary> Create(std::vector<VocabularyEntry> entries,
                                           DecodeRules rules);

  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  // Empty for ids outside [0, size()).
  std::string_view bytes(int32_t id) const;
  // False for ids outside [0, size()).
  bool special(int32_t id) const;
  // nullptr for ids outside [0, size()).
  const VocabularyEntry* entry(int32_t id) const;
  const DecodeRules& rules() const { return rules_; }
  // SHA-256 over size, rules and, in order, special, length and bytes of every
  // entry, then, where there are any, further rules and forms; lower-case hex.
  // Equal hashes decode equally.
  const std::string& hash() const { return hash_; }

 private:
  Vocabulary() = default;

  std::vector<VocabularyEntry> entries_;
  DecodeRules rules_;
  std::string hash_;
};

}  // namespace sluice
