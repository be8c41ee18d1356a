#pragma once

// Classes of Unicode 16 characters as published pre-tokenizers use them.
// Tables are ours (make_class_ranges.py), so no library's version matters.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {

// Bits of a class set.
enum CharClass : uint16_t {
  kLetter = 1,        // \p{L}
  kNumber = 2,        // \p{N}
  kSpace = 4,         // \s
  kMark = 8,          // \p{M}
  kPunctuation = 16,  // \p{P}
  kSymbol = 32,       // \p{S}
  kWord = 64,         // \w
  kDigit = 128,       // what the pre-tokenizer Digits cuts at
  // Kinds of letters and digits; only RangesOf knows them.
  kUpper = 256,         // \p{Lu}
  kLower = 512,         // \p{Ll}
  kTitle = 1024,        // \p{Lt}
  kModifier = 2048,     // \p{Lm}
  kOtherLetter = 4096,  // \p{Lo}
  kDecimal = 8192,      // \p{Nd}
};

struct ClassRange {
  char32_t first;
  char32_t last;
  uint16_t classes;
};

// \w as the library's other engine has it, for the pre-tokenizer Whitespace
// and around added tokens: without fractions and superscripts, with the two
// joiners. `classes` are those of the character.
inline bool IsWordCharacter(char32_t character, uint8_t classes) {
  const bool joiner = character == 0x200C || character == 0x200D;
  const bool other_number = (character >= 0xB2 && character <= 0xB3) ||
                            character == 0xB9 ||
                            (character >= 0xBC && character <= 0xBE);
  return joiner || ((classes & kWord) != 0 && !other_number);
}

// Threads: immutable after construction.
class CharClasses {
 public:
  CharClasses();

  // The bits below 256 of a character; 0 past U+10FFFF.
  uint8_t Of(char32_t character) const {
    if (character >= kCodePoints) return 0;
    return blocks_[block_of_[character >> 8] << 8 | (character & 0xFF)];
  }
  // The bits of the character that starts at `at`. REQUIRES: valid UTF-8.
  uint8_t At(const char* at) const {
    const auto byte = static_cast<unsigned char>(*at);
    return byte < 0x80 ? blocks_[byte] : Of(DecodeUtf8(at));
  }
  // The ranges with one class, ascending, neighbours joined.
  static std::vector<ClassRange> RangesOf(CharClass wanted);

 private:
  static constexpr char32_t kCodePoints = 0x110000;

  std::array<uint16_t, (kCodePoints >> 8)> block_of_;
  std::vector<uint8_t> blocks_;  // 256 each; the first is that of U+0000
};

}  // namespace sluice::tokenizer
