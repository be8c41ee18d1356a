#include "services/tokenizer/chat/jinja/string_literal.h"

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Of the letters after a backslash that stand for one byte; 0 for others.
char SimpleEscape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return 0;
  }
}

size_t HexDigitsAfter(char c) {
  return c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
}

absl::StatusOr<char32_t> ReadHex(std::string_view digits, size_t count) {
  if (digits.size() < count) return Fail("a string ends within an escape");
  char32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    const int digit = HexDigit(digits[i]);
    if (digit < 0) return Fail("a string has a bad hexadecimal escape");
    value = value * 16 + static_cast<char32_t>(digit);
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    return Fail("a string has an escape that is no character");
  }
  return value;
}

// Up to three octal digits; returns how many were read.
size_t ReadOctal(std::string_view digits, std::string& out) {
  char32_t value = 0;
  size_t count = 0;
  while (count < 3 && count < digits.size() && digits[count] >= '0' &&
         digits[count] <= '7') {
    value = value * 8 + static_cast<char32_t>(digits[count++] - '0');
  }
  AppendUtf8(value, out);
  return count;
}

}  // namespace

absl::StatusOr<std::string> Unescape(std::string_view literal) {
  std::string out;
  size_t i = 0;
  while (i < literal.size()) {
    if (literal[i] != '\\' || i + 1 == literal.size()) {
      out += literal[i++];
      continue;
    }
    const char c = literal[i + 1];
    i += 2;
    if (const char simple = SimpleEscape(c); simple != 0) {
      out += simple;
    } else if (const size_t digits = HexDigitsAfter(c); digits != 0) {
      ASSIGN_OR_RETURN(const char32_t value,
                       ReadHex(literal.substr(i), digits));
      AppendUtf8(value, out);
      i += digits;
    } else if (c >= '0' && c <= '7') {
      i += ReadOctal(literal.substr(i - 1), out) - 1;
    } else if (c != '\n') {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace sluice::tokenizer::jinja
