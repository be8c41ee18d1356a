#include "services/gateway/parsing/call_fields.h"

#include <cstdint>
#include <utility>

namespace sluice::gateway {
namespace {

uint32_t Hex4(std::string_view digits) {
  uint32_t value = 0;
  for (char c : digits.substr(0, 4)) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto put = [&out](uint32_t byte) {
    out.push_back(static_cast<char>(byte));
  };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

// Takes \uXXXX, or the two of a pair, from the front. False for half a pair.
bool TakeUnicodeEscape(std::string_view& rest, std::string& out) {
  uint32_t code = Hex4(rest.substr(2));
  rest.remove_prefix(6);
  if (code >= 0xDC00 && code < 0xE000) return false;
  if (code >= 0xD800 && code < 0xDC00) {
    if (!rest.starts_with("\\u")) return false;
    const uint32_t low = Hex4(rest.substr(2));
    if (low < 0xDC00 || low >= 0xE000) return false;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    rest.remove_prefix(6);
  }
  AppendUtf8(code, out);
  return true;
}

char SimpleEscape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

// The object that a text is but for white space around it.
std::optional<std::string> OnlyObject(std::string_view text,
                                      const ParserLimits& limits) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
  JsonObjectScanner scanner(limits.max_depth);
  for (size_t i = 0; i < text.size(); ++i) {
    const JsonObjectScanner::Step step = scanner.Push(text[i]);
    if (step == JsonObjectScanner::Step::kBad) return std::nullopt;
    if (step != JsonObjectScanner::Step::kDone) continue;
    if (i + 1 < text.size()) return std::nullopt;
    return std::string(text);
  }
  return std::nullopt;
}

std::optional<std::string> Arguments(std::string_view value,
                                     const ParserLimits& limits) {
  if (value.front() == '{') return std::string(value);
  if (value.front() != '"') return std::nullopt;
  const std::optional<std::string> inner = UnquoteJson(value);
  if (!inner.has_value()) return std::nullopt;
  return OnlyObject(*inner, limits);
}

}  // namespace

bool IsToolName(std::string_view name, const ParserLimits& limits) {
  if (name.empty() || name.size() > limits.max_name_bytes) return false;
  for (char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return true;
}

std::optional<std::string> UnquoteJson(std::string_view quoted) {
  std::string_view rest = quoted.substr(1, quoted.size() - 2);
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    if (rest.front() != '\\') {
      out.push_back(rest.front());
      rest.remove_prefix(1);
    } else if (rest[1] != 'u') {
      out.push_back(SimpleEscape(rest[1]));
      rest.remove_prefix(2);
    } else if (!TakeUnicodeEscape(rest, out)) {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<CallFields> CallFromObject(
    std::string_view object,
    const std::vector<JsonObjectScanner::Member>& members,
    bool arguments_required, const ParserLimits& limits) {
  std::optional<std::string> name;
  std::optional<std::string> arguments;
  for (const JsonObjectScanner::Member& member : members) {
    const std::optional<std::string> key = UnquoteJson(
        object.substr(member.key_begin, member.key_end - member.key_begin));
    const std::string_view value = object.substr(
        member.value_begin, member.value_end - member.value_begin);
    if (!key.has_value()) return std::nullopt;
    if (*key == "name") {
      if (name.has_value() || value.front() != '"') return std::nullopt;
      name = UnquoteJson(value);
      if (!name.has_value()) return std::nullopt;
    } else if (*key == "arguments" || *key == "parameters") {
      if (arguments.has_value()) return std::nullopt;
      arguments = Arguments(value, limits);
      if (!arguments.has_value()) return std::nullopt;
    }
  }
  if (!name.has_value() || !IsToolName(*name, limits)) return std::nullopt;
  if (!arguments.has_value() && arguments_required) return std::nullopt;
  return CallFields{.name = *std::move(name),
                    .arguments = std::move(arguments).value_or("{}")};
}

}  // namespace sluice::gateway
