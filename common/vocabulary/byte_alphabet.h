#pragma once

// The alphabet in which byte-level vocabularies are written: every byte is one
// printable character. Bytes 33-126, 161-172 and 174-255 stand for themselves;
// the other 68, in order, are U+0100, U+0101 and so on.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Threads: immutable after construction.
class ByteAlphabet {
 public:
  ByteAlphabet();

  char32_t LetterOf(uint8_t byte) const { return letters_[byte]; }
  // The bytes behind a spelling; nothing when a character of it is not in the
  // alphabet. REQUIRES: valid UTF-8.
  std::optional<std::string> BytesOf(std::string_view spelling) const;
  // The spelling of bytes, valid UTF-8.
  std::string SpellingOf(std::string_view bytes) const;

 private:
  static constexpr int kLetters = 256 + 68;

  std::array<char32_t, 256> letters_;
  std::array<int16_t, kLetters> bytes_;  // -1: no letter
};

}  // namespace sluice
