#include "services/tokenizer/chat/jinja/text_ops.h"

#include <algorithm>
#include <bitset>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/search.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

// The characters that a strip takes away.
class Strippable {
 public:
  explicit Strippable(const std::optional<std::string_view>& characters)
      : spaces_(!characters.has_value()) {
    const std::string_view bytes = characters.value_or("");
    for (size_t i = 0; i < bytes.size(); i += CodePointBytes(bytes, i)) {
      const char32_t c = DecodeAt(bytes, i);
      if (c < ascii_.size()) {
        ascii_.set(c);
      } else {
        others_.push_back(c);
      }
    }
    std::sort(others_.begin(), others_.end());
  }

  bool Has(char32_t c) const {
    if (spaces_) return IsPythonSpace(c);
    if (c < ascii_.size()) return ascii_[c];
    return std::binary_search(others_.begin(), others_.end(), c);
  }

 private:
  const bool spaces_;
  std::bitset<128> ascii_;
  std::vector<char32_t> others_;
};

// Cuts a text into paid parts.
class Cutter {
 public:
  Cutter(const Text& text, Budget& budget) : text_(text), budget_(budget) {}

  absl::Status Add(size_t begin, size_t end) {
    constexpr int64_t kItemsPerPart = 4;  // a part is an object of its own
    RETURN_IF_ERROR(budget_.SpendItems(kItemsPerPart));
    RETURN_IF_ERROR(budget_.SpendBytes(text_.ExtentOf(begin, end)));
    parts_.push_back(text_.Slice(begin, end));
    return absl::OkStatus();
  }
  std::vector<Text> Take() { return std::move(parts_); }
  std::vector<Text> TakeReversed() {
    std::reverse(parts_.begin(), parts_.end());
    return std::move(parts_);
  }

 private:
  const Text& text_;
  Budget& budget_;
  std::vector<Text> parts_;
};

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
  PaidText out(budget);
  size_t at = 0;
  for (; count != 0; --count) {
    RETURN_IF_ERROR(budget.SpendItems(1));
    RETURN_IF_ERROR(out.Append(to));
    if (at == bytes.size()) break;
    const size_t next = at + CodePointBytes(bytes, at);
    RETURN_IF_ERROR(out.AppendRange(text, at, next));
    at = next;
  }
  RETURN_IF_ERROR(out.AppendRange(text, at, bytes.size()));
  return out.Take();
}

}  // namespace

absl::StatusOr<TextBounds> Strip(std::string_view bytes,
                                 const StripRules& rules, Budget& budget) {
  RETURN_IF_ERROR(
      budget.SpendScanClosely(rules.characters.value_or("").size()));
  const Strippable strippable(rules.characters);
  TextBounds left = {0, bytes.size()};
  while (rules.left && left.begin < left.end &&
         strippable.Has(DecodeAt(bytes, left.begin))) {
    left.begin += CodePointBytes(bytes, left.begin);
  }
  while (rules.right && left.end > left.begin) {
    const size_t previous = PreviousCodePoint(bytes, left.end);
    if (!strippable.Has(DecodeAt(bytes, previous))) break;
    left.end = previous;
  }
  RETURN_IF_ERROR(
      budget.SpendScan(2 * (bytes.size() - (left.end - left.begin))));
  return left;
}

absl::StatusOr<Text> Replace(const Text& text, std::string_view from,
                             const Text& to, int64_t count, Budget& budget) {
  if (from.empty()) return ReplaceEmpty(text, to, count, budget);
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendScan(bytes.size() + from.size()));
  PaidText out(budget);
  size_t at = 0;
  for (; count != 0; --count) {
    const size_t found = FindFirst(bytes, from, at);
    if (found == std::string_view::npos) break;
    RETURN_IF_ERROR(out.AppendRange(text, at, found));
    RETURN_IF_ERROR(out.Append(to));
    at = found + from.size();
  }
  RETURN_IF_ERROR(out.AppendRange(text, at, bytes.size()));
  return out.Take();
}

Parts Split(const Text& text, std::string_view separator, int64_t limit,
            Budget& budget) {
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendScan(bytes.size() + separator.size()));
  Cutter cutter(text, budget);
  size_t at = 0;
  for (; limit != 0; --limit) {
    const size_t found = FindFirst(bytes, separator, at);
    if (found == std::string_view::npos) break;
    RETURN_IF_ERROR(cutter.Add(at, found));
    at = found + separator.size();
  }
  RETURN_IF_ERROR(cutter.Add(at, bytes.size()));
  return cutter.Take();
}

Parts SplitFromRight(const Text& text, std::string_view separator,
                     int64_t limit, Budget& budget) {
  RETURN_IF_ERROR(budget.SpendScan(text.size() + separator.size()));
  const SearchFromRight search(text.bytes(), separator);
  Cutter cutter(text, budget);
  size_t end = text.size();
  for (; limit != 0; --limit) {
    const size_t found = search.FindLast(end);
    if (found == std::string_view::npos) break;
    RETURN_IF_ERROR(cutter.Add(found + separator.size(), end));
    end = found;
  }
  RETURN_IF_ERROR(cutter.Add(0, end));
  return cutter.TakeReversed();
}

Parts SplitSpace(const Text& text, int64_t limit, Budget& budget) {
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendScan(bytes.size()));
  Cutter cutter(text, budget);
  size_t at = SkipSpaces(bytes, 0);
  for (; at < bytes.size() && limit != 0; --limit) {
    const size_t end = SkipWord(bytes, at);
    RETURN_IF_ERROR(cutter.Add(at, end));
    at = SkipSpaces(bytes, end);
  }
  if (at < bytes.size()) RETURN_IF_ERROR(cutter.Add(at, bytes.size()));
  return cutter.Take();
}

Parts SplitSpaceFromRight(const Text& text, int64_t limit, Budget& budget) {
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendScan(bytes.size()));
  Cutter cutter(text, budget);
  size_t end = RunStart(bytes, bytes.size(), /*spaces=*/true);
  for (; end > 0 && limit != 0; --limit) {
    const size_t begin = RunStart(bytes, end, /*spaces=*/false);
    RETURN_IF_ERROR(cutter.Add(begin, end));
    end = RunStart(bytes, begin, /*spaces=*/true);
  }
  if (end > 0) RETURN_IF_ERROR(cutter.Add(0, end));
  return cutter.TakeReversed();
}

Parts SplitLines(const Text& text, bool keep_ends, Budget& budget) {
  const std::string_view bytes = text.bytes();
  RETURN_IF_ERROR(budget.SpendScan(bytes.size()));
  Cutter cutter(text, budget);
  size_t begin = 0;
  for (size_t i = 0; i < bytes.size();) {
    const size_t end = i;
    const char32_t c = DecodeAt(bytes, i);
    i += CodePointBytes(bytes, i);
    if (!IsLineEnd(c)) continue;
    if (c == '\r' && i < bytes.size() && bytes[i] == '\n') ++i;
    RETURN_IF_ERROR(cutter.Add(begin, keep_ends ? i : end));
    begin = i;
  }
  if (begin < bytes.size()) {
    RETURN_IF_ERROR(cutter.Add(begin, bytes.size()));
  }
  return cutter.Take();
}

}  // namespace sluice::tokenizer::jinja
