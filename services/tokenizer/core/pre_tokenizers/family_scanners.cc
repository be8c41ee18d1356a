#include "services/tokenizer/core/pre_tokenizers/family_scanners.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "services/tokenizer/core/unicode/char_classes.h"
#include "services/tokenizer/core/unicode/char_set.h"

namespace sluice::tokenizer {
namespace {

bool IsNewline(char c) { return c == '\r' || c == '\n'; }

// One text that is cut at matches. Matcher::End(text, at, end) is the end of
// the match at `at`, or `at` when there is none; what no match takes is a
// piece of its own. Threads: any (immutable).
template <typename Matcher>
class MatchScanner final : public Splitter {
 public:
  explicit MatchScanner(Matcher matcher) : matcher_(std::move(matcher)) {}

  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    const std::string_view part = text.substr(0, piece.end);
    const auto add = [&out](size_t begin, size_t end) {
      if (begin == end) return;
      out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    };
    size_t gap = piece.begin;
    for (size_t at = piece.begin; at < part.size();) {
      const size_t end = matcher_.End(part, at);
      if (end == at) {
        at += Utf8Length(part[at]);
        continue;
      }
      add(gap, at);
      add(at, end);
      gap = at = end;
    }
    add(gap, part.size());
    return absl::OkStatus();
  }

 private:
  Matcher matcher_;
};

// Up to `most` characters of a class, with white space in front if asked for.
struct RunMatcher {
  CharClasses classes;
  uint8_t wanted;
  bool space_before;
  size_t most;

  size_t End(std::string_view text, size_t at) const {
    size_t begin = at;
    if (space_before && (classes.At(text.data() + at) & kSpace)) {
      begin += Utf8Length(text[at]);
    }
    size_t end = begin;
    for (size_t i = 0; i < most && end < text.size() &&
                       (classes.At(text.data() + end) & wanted);
         ++i) {
      end += Utf8Length(text[end]);
    }
    return end == begin ? at : end;
  }
};

struct SetMatcher {
  CharSet set;
  size_t most;

  size_t End(std::string_view text, size_t at) const {
    size_t end = at;
    for (size_t i = 0; i < most && end < text.size() &&
                       set.Contains(DecodeUtf8(text.data() + end));
         ++i) {
      end += Utf8Length(text[end]);
    }
    return end;
  }
};

// \s*[\r\n]+, then \s+(?!\S), then \s+.
size_t SpaceEnd(const CharClasses& classes, std::string_view text, size_t at) {
  size_t end = at;
  size_t last = at;
  size_t after_newline = at;
  while (end < text.size() && (classes.At(text.data() + end) & kSpace)) {
    last = end;
    end += Utf8Length(text[end]);
    if (IsNewline(text[last])) after_newline = end;
  }
  if (after_newline != at) return after_newline;
  return end == text.size() || last == at ? end : last;
}

// DeepSeek-V3's third pattern.
struct DeepseekWordsMatcher {
  CharClasses classes;

  size_t End(std::string_view text, size_t at) const {
    const uint8_t first = ClassAt(text, at);
    const size_t next = at + Utf8Length(text[at]);
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte < 0x80 && (first & (kPunctuation | kSymbol)) != 0) {
      const size_t end = AsciiLettersEnd(text, next);
      if (end > next) return end;
    }
    const bool prefix =
        !IsNewline(text[at]) && !(first & (kLetter | kPunctuation | kSymbol));
    if (prefix) {
      const size_t end = RunEnd(text, next, kLetter | kMark);
      if (end > next) return end;
    }
    if (first & (kLetter | kMark)) return RunEnd(text, at, kLetter | kMark);
    const size_t begin = text[at] == ' ' ? next : at;
    size_t end = RunEnd(text, begin, kPunctuation | kSymbol);
    if (end > begin) {
      while (end < text.size() && IsNewline(text[end])) ++end;
      return end;
    }
    return first & kSpace ? SpaceEnd(classes, text, at) : at;
  }

 private:
  uint8_t ClassAt(std::string_view text, size_t at) const {
    return classes.At(text.data() + at);
  }
  size_t RunEnd(std::string_view text, size_t at, int wanted) const {
    while (at < text.size() && (ClassAt(text, at) & wanted)) {
      at += Utf8Length(text[at]);
    }
    return at;
  }
  static size_t AsciiLettersEnd(std::string_view text, size_t at) {
    const auto is_letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    while (at < text.size() && is_letter(text[at])) ++at;
    return at;
  }
};

CharSet SetOf(std::initializer_list<CharClass> classes) {
  std::vector<CharRange> ranges;
  for (CharClass wanted : classes) {
    for (const ClassRange& range : CharClasses::RangesOf(wanted)) {
      ranges.push_back({range.first, range.last});
    }
  }
  return CharSet(std::move(ranges));
}

// Words by their capitals, with a contraction behind them.
struct CaseMatcher {
  size_t most_digits;
  CharClasses classes = {};
  CharSet heads = SetOf({kUpper, kTitle, kModifier, kOtherLetter, kMark});
  CharSet tails = SetOf({kLower, kModifier, kOtherLetter, kMark});

  size_t End(std::string_view text, size_t at) const {
    const uint8_t first = classes.At(text.data() + at);
    const size_t next = at + Utf8Length(text[at]);
    const bool prefix = !IsNewline(text[at]) && !(first & (kLetter | kNumber));
    for (const bool needs_tail : {true, false}) {
      size_t end = prefix ? WordEnd(text, next, needs_tail) : next;
      if (prefix && end > next) return ContractionEnd(text, end);
      end = WordEnd(text, at, needs_tail);
      if (end > at) return ContractionEnd(text, end);
    }
    if (first & kNumber) return DigitsEnd(text, at);
    const size_t begin = text[at] == ' ' ? next : at;
    size_t end = begin;
    while (end < text.size() &&
           !(classes.At(text.data() + end) & (kSpace | kLetter | kNumber))) {
      end += Utf8Length(text[end]);
    }
    if (end == begin) return SpaceEnd(classes, text, at);
    while (end < text.size() && (IsNewline(text[end]) || text[end] == '/')) {
      ++end;
    }
    return end;
  }

 private:
  static bool Is(const CharSet& set, std::string_view text, size_t at) {
    return set.Contains(DecodeUtf8(text.data() + at));
  }

  // heads* tails+, or heads+ tails*; `at` for no match. Characters of both
  // kinds that the heads took are given back, the last one that will do.
  size_t WordEnd(std::string_view text, size_t at, bool needs_tail) const {
    size_t end = at;
    size_t after_last_tail = at;
    while (end < text.size() && Is(heads, text, end)) {
      const bool tail = Is(tails, text, end);
      end += Utf8Length(text[end]);
      if (tail) after_last_tail = end;
    }
    const size_t heads_end = end;
    while (end < text.size() && Is(tails, text, end)) {
      end += Utf8Length(text[end]);
    }
    if (!needs_tail) return heads_end == at ? at : end;
    return end > heads_end ? end : after_last_tail;
  }

  size_t DigitsEnd(std::string_view text, size_t at) const {
    for (size_t i = 0; i < most_digits && at < text.size() &&
                       (classes.At(text.data() + at) & kNumber);
         ++i) {
      at += Utf8Length(text[at]);
    }
    return at;
  }

  static size_t ContractionEnd(std::string_view text, size_t at) {
    constexpr std::string_view kLongS = "\u017f";
    if (at >= text.size() || text[at] != '\'') return at;
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with(kLongS)) return at + 1 + kLongS.size();
    const auto lower = [&rest](size_t i) {
      return i < rest.size() ? static_cast<char>(rest[i] | 0x20) : '\0';
    };
    const char first = lower(0);
    const char second = lower(1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
      return at + 2;
    }
    const bool two = (first == 'l' && second == 'l') ||
                     ((first == 'r' || first == 'v') && second == 'e');
    return two ? at + 3 : at;
  }
};

template <typename Matcher>
std::unique_ptr<Splitter> Make(Matcher matcher) {
  return std::make_unique<MatchScanner<Matcher>>(std::move(matcher));
}

}  // namespace

std::unique_ptr<Splitter> MakeFamilyScanner(std::string_view pattern) {
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  if (pattern == kDeepseekNumbersPattern) {
    return Make(RunMatcher{{}, kNumber, false, 3});
  }
  if (pattern == kDeepseekIdeographsPattern) {
    return Make(SetMatcher{
        CharSet({{0x4E00, 0x9FA5}, {0x3040, 0x309F}, {0x30A0, 0x30FF}}), kAll});
  }
  if (pattern == kDeepseekWordsPattern) return Make(DeepseekWordsMatcher{});
  if (pattern == kNewlinePattern) {
    return Make(SetMatcher{CharSet({{'\n', '\n'}, {'\r', '\r'}}), 1});
  }
  if (pattern == kSpacedLettersPattern) {
    return Make(RunMatcher{{}, kLetter, true, kAll});
  }
  if (pattern == kSpacedPunctuationPattern) {
    return Make(RunMatcher{{}, kPunctuation, true, kAll});
  }
  if (pattern == kYoutuPattern) return Make(CaseMatcher{.most_digits = 1});
  if (pattern == kO200kPattern) return Make(CaseMatcher{.most_digits = 3});
  return nullptr;
}

}  // namespace sluice::tokenizer
