#include "services/tokenizer/chat/jinja/text_ops.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

bool Strippable(std::string_view bytes, size_t at, const StripRules& rules) {
  if (!rules.characters.has_value()) return IsPythonSpace(DecodeAt(bytes, at));
  const std::string_view character =
      bytes.substr(at, CodePointBytes(bytes, at));
  // A whole character can only match on a character border in UTF-8.
  return rules.characters->find(character) != std::string_view::npos;
}

size_t SkipSpaces(std::string_view bytes, size_t at) {
  while (at < bytes.size() && IsPythonSpace(DecodeAt(bytes, at))) {
    at += CodePointBytes(bytes, at);
  }
  return at;
}

size_t SkipWord(std::string_view bytes, size_t at) {
  while (at < bytes.size() && !IsPythonSpace(DecodeAt(bytes, at))) {
    at += CodePointBytes(bytes, at);
  }
  return at;
}

// The start of the run of (non-)spaces that ends before `end`.
size_t RunStart(std::string_view bytes, size_t end, bool spaces) {
  while (end > 0) {
    const size_t previous = PreviousCodePoint(bytes, end);
    if (IsPythonSpace(DecodeAt(bytes, previous)) != spaces) break;
    end = previous;
  }
  return end;
}

bool IsLineEnd(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

absl::StatusOr<Text> ReplaceEmpty(const Text& text, const Text& to,
                                  int64_t count, Budget& budget) {
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(
      budget.SpendBytes(bytes.size() + (bytes.size() + 1) * to.size()));
  RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(bytes.size()) / 16));
  Text out;
  size_t at = 0;
  for (; count != 0; --count) {
    out.Append(to);
    if (at == bytes.size()) break;
    const size_t next = at + CodePointBytes(bytes, at);
    out.AppendRange(text, at, next);
    at = next;
  }
  out.AppendRange(text, at, bytes.size());
  return out;
}

}  // namespace

Text Strip(const Text& text, const StripRules& rules) {
  const std::string_view bytes = text.bytes();
  size_t begin = 0;
  size_t end = bytes.size();
  while (rules.left && begin < end && Strippable(bytes, begin, rules)) {
    begin += CodePointBytes(bytes, begin);
  }
  while (rules.right && end > begin) {
    const size_t previous = PreviousCodePoint(bytes, end);
    if (!Strippable(bytes, previous, rules)) break;
    end = previous;
  }
  if (begin == 0 && end == bytes.size()) return text;
  return text.Slice(begin, end);
}

absl::StatusOr<Text> Replace(const Text& text, std::string_view from,
                             const Text& to, int64_t count, Budget& budget) {
  if (from.empty()) return ReplaceEmpty(text, to, count, budget);
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendBytes(bytes.size()));
  Text out;
  size_t at = 0;
  int64_t replaced = 0;
  for (; count != 0; --count) {
    const size_t found = bytes.find(from, at);
    if (found == std::string_view::npos) break;
    out.AppendRange(text, at, found);
    out.Append(to);
    at = found + from.size();
    if (++replaced % 64 == 0) {
      RETURN_IF_ERROR(budget.SpendBytes(out.size()));
    }
  }
  if (at == 0) return text;
  out.AppendRange(text, at, bytes.size());
  RETURN_IF_ERROR(budget.SpendBytes(out.size()));
  return out;
}

std::vector<Text> Split(const Text& text, std::string_view separator,
                        int64_t limit) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  size_t at = 0;
  for (; limit != 0; --limit) {
    const size_t found = bytes.find(separator, at);
    if (found == std::string_view::npos) break;
    parts.push_back(text.Slice(at, found));
    at = found + separator.size();
  }
  parts.push_back(text.Slice(at, bytes.size()));
  return parts;
}

std::vector<Text> SplitFromRight(const Text& text, std::string_view separator,
                                 int64_t limit) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  size_t end = bytes.size();
  for (; limit != 0 && end >= separator.size(); --limit) {
    const size_t found = bytes.rfind(separator, end - separator.size());
    if (found == std::string_view::npos) break;
    parts.push_back(text.Slice(found + separator.size(), end));
    end = found;
  }
  parts.push_back(text.Slice(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<Text> SplitSpace(const Text& text, int64_t limit) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  size_t at = SkipSpaces(bytes, 0);
  for (; at < bytes.size() && limit != 0; --limit) {
    const size_t end = SkipWord(bytes, at);
    parts.push_back(text.Slice(at, end));
    at = SkipSpaces(bytes, end);
  }
  if (at < bytes.size()) parts.push_back(text.Slice(at, bytes.size()));
  return parts;
}

std::vector<Text> SplitSpaceFromRight(const Text& text, int64_t limit) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  size_t end = RunStart(bytes, bytes.size(), /*spaces=*/true);
  for (; end > 0 && limit != 0; --limit) {
    const size_t begin = RunStart(bytes, end, /*spaces=*/false);
    parts.push_back(text.Slice(begin, end));
    end = RunStart(bytes, begin, /*spaces=*/true);
  }
  if (end > 0) parts.push_back(text.Slice(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<Text> SplitLines(const Text& text, bool keep_ends) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t i = 0; i < bytes.size();) {
    const size_t end = i;
    const char32_t c = DecodeAt(bytes, i);
    i += CodePointBytes(bytes, i);
    if (!IsLineEnd(c)) continue;
    if (c == '\r' && i < bytes.size() && bytes[i] == '\n') ++i;
    lines.push_back(text.Slice(begin, keep_ends ? i : end));
    begin = i;
  }
  if (begin < bytes.size()) lines.push_back(text.Slice(begin, bytes.size()));
  return lines;
}

}  // namespace sluice::tokenizer::jinja
