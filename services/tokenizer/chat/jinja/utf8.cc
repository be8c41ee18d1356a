#include "services/tokenizer/chat/jinja/utf8.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstring>

namespace sluice::tokenizer::jinja {
namespace {

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

uint64_t WordAt(std::string_view bytes, size_t offset) {
  uint64_t word;
  std::memcpy(&word, bytes.data() + offset, sizeof(word));
  return word;
}

// How many of eight bytes are not continuations.
size_t StartsInWord(std::string_view bytes, size_t offset) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t word = WordAt(bytes, offset);
  const uint64_t starts = (~(word >> 7) | (word >> 6)) & kOnes;
  return (starts * kOnes) >> 56;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  int32_t i = 0;
  const auto size = static_cast<int32_t>(bytes.size());
  while (i < size) {
    UChar32 c;
    U8_NEXT(bytes.data(), i, size, c);
    if (c < 0) return false;
  }
  return true;
}

size_t CountCodePoints(std::string_view bytes) {
  size_t count = 0;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) count += StartsInWord(bytes, i);
  for (; i < bytes.size(); ++i) count += IsContinuation(bytes[i]) ? 0 : 1;
  return count;
}

size_t OffsetOfCodePoint(std::string_view bytes, size_t index) {
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const size_t starts = StartsInWord(bytes, i);
    if (starts > index) break;
    index -= starts;
  }
  for (; i < bytes.size(); ++i) {
    if (!IsContinuation(bytes[i]) && index-- == 0) break;
  }
  return i;
}

bool IsAscii(std::string_view bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    if ((WordAt(bytes, i) & kHighBits) != 0) return false;
  }
  return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                     bytes.end(),
                     [](char c) { return static_cast<signed char>(c) >= 0; });
}

size_t CodePointBytes(std::string_view bytes, size_t offset) {
  size_t end = offset + 1;
  while (end < bytes.size() && IsContinuation(bytes[end])) ++end;
  return end - offset;
}

char32_t DecodeAt(std::string_view bytes, size_t offset) {
  const auto first = static_cast<unsigned char>(bytes[offset]);
  if (first < 0x80) return first;
  const size_t count = CodePointBytes(bytes, offset);
  char32_t code_point = first & (0xFF >> (count + 1));
  for (size_t i = 1; i < count; ++i) {
    code_point = (code_point << 6) | (bytes[offset + i] & 0x3F);
  }
  return code_point;
}

size_t PreviousCodePoint(std::string_view bytes, size_t offset) {
  --offset;
  while (offset > 0 && IsContinuation(bytes[offset])) --offset;
  return offset;
}

void AppendUtf8(char32_t code_point, std::string& out) {
  char buffer[U8_MAX_LENGTH];
  int32_t length = 0;
  U8_APPEND_UNSAFE(buffer, length, code_point);
  out.append(buffer, static_cast<size_t>(length));
}

bool IsPythonSpace(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
  if (u_charType(static_cast<UChar32>(c)) == U_SPACE_SEPARATOR) return true;
  const UCharDirection direction = u_charDirection(static_cast<UChar32>(c));
  return direction == U_WHITE_SPACE_NEUTRAL || direction == U_BLOCK_SEPARATOR ||
         direction == U_SEGMENT_SEPARATOR;
}

bool IsAlphanumeric(char32_t c) {
  const auto point = static_cast<UChar32>(c);
  return (U_MASK(u_charType(point)) & U_GC_L_MASK) != 0 ||
         u_getIntPropertyValue(point, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool IsPrintable(char32_t c) {
  if (c < 0x80) return c >= 32 && c < 127;
  switch (u_charType(static_cast<UChar32>(c))) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_SPACE_SEPARATOR:
      return false;
    default:
      return true;
  }
}

}  // namespace sluice::tokenizer::jinja
