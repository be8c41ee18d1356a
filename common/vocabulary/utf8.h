#pragma once

// UTF-8: decoding of what is known to be valid, and repair as WHATWG decoders
// do it (one U+FFFD for every maximal invalid part).

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// Bytes of the character that starts with `lead`. REQUIRES: a lead byte of
// valid UTF-8.
inline size_t Utf8Length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

// The character at `at`. REQUIRES: valid UTF-8, `at` is its first byte.
inline char32_t DecodeUtf8(const char* at) {
  const auto byte = [at](int i) {
    return static_cast<char32_t>(static_cast<unsigned char>(at[i]));
  };
  switch (Utf8Length(*at)) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
             (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
}

// Appends `character`. REQUIRES: a scalar value.
void AppendUtf8(char32_t character, std::string& out);

// Appends `bytes` to `out`, invalid parts as U+FFFD.
void AppendRepaired(std::string_view bytes, std::string& out);

// How many bytes at the end may still become one character; 0 to 3.
size_t IncompleteTail(std::string_view bytes);

}  // namespace sluice
