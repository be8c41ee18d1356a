#include "services/tokenizer/chat/jinja/utf8.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

namespace sluice::tokenizer::jinja {
namespace {

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
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
  return static_cast<size_t>(std::count_if(
      bytes.begin(), bytes.end(), [](char c) { return !IsContinuation(c); }));
}

size_t OffsetOfCodePoint(std::string_view bytes, size_t index) {
  size_t offset = 0;
  for (; index > 0 && offset < bytes.size(); --index) {
    offset += CodePointBytes(bytes, offset);
  }
  return offset;
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
