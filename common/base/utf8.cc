#include "common/base/utf8.h"

#include <cstdint>

namespace sluice {
namespace {

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// Length of the well-formed character at the start of `text`, 0 when there is
// none. Source: Unicode 15, table 3-7.
size_t CharacterBytes(std::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const uint8_t lead = at(0);
  const uint8_t second = at(1);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return IsContinuation(second) ? 2 : 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;   // shorter forms exist
  if (lead == 0xED) high = 0x9F;  // surrogates
  if (lead == 0xF0) low = 0x90;   // shorter forms exist
  if (lead == 0xF4) high = 0x8F;  // above U+10FFFF
  if (second < low || second > high || !IsContinuation(at(2))) return 0;
  if (lead < 0xF0) return 3;
  return lead <= 0xF4 && IsContinuation(at(3)) ? 4 : 0;
}

}  // namespace

std::optional<size_t> InvalidUtf8Offset(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const size_t bytes = CharacterBytes(text.substr(offset));
    if (bytes == 0) return offset;
    offset += bytes;
  }
  return std::nullopt;
}

}  // namespace sluice
