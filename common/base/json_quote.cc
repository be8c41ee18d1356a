#include "common/base/json_quote.h"

#include <cstdint>

#include "common/base/utf8.h"

namespace sluice {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void AppendControl(char c, std::string& out) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(c);
  out += "\\u00";
  out.push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 15]);
}

void AppendValid(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      AppendControl(c, out);
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace

void AppendJsonQuoted(std::string_view text, std::string& out) {
  out.reserve(out.size() + text.size() + 2);
  out.push_back('"');
  while (true) {
    const std::optional<size_t> invalid = InvalidUtf8Offset(text);
    AppendValid(text.substr(0, invalid.value_or(text.size())), out);
    if (!invalid) break;
    out += kReplacement;
    text.remove_prefix(*invalid + 1);
  }
  out.push_back('"');
}

std::string JsonQuote(std::string_view text) {
  std::string out;
  AppendJsonQuoted(text, out);
  return out;
}

}  // namespace sluice
