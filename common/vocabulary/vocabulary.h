#pragma once

// id -> bytes: all that is needed to turn generated ids into text. The
// Tokenizer makes it from the model directory and serves it; the Generator
// reads it for exact stops; the Gateway fetches it and decodes with it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

struct VocabularyEntry {
  std::string bytes;     // what the id adds to the text; need not be UTF-8
  bool special = false;  // left out of text unless specials are shown
};

// How bytes become text, beyond putting them together.
struct DecodeRules {
  bool strip_leading_space = false;
};

// Limits: at most 2^24 entries of at most 64 KiB each.
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
  const DecodeRules& rules() const { return rules_; }
  // SHA-256 over size, rules and, in order, special, length and bytes of every
  // entry; lower-case hex. Equal hashes decode equally.
  const std::string& hash() const { return hash_; }

 private:
  Vocabulary() = default;

  std::vector<VocabularyEntry> entries_;
  DecodeRules rules_;
  std::string hash_;
};

}  // namespace sluice
