#include "services/tokenizer/core/regex/class_parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

constexpr int kMaxDepth = 32;
constexpr char32_t kLastCodePoint = 0x10FFFF;

struct ShorthandName {
  char letter;
  std::string_view property;
};
constexpr ShorthandName kShorthands[] = {
    {'s', "space"}, {'w', "word"}, {'d', "nd"}, {'h', "xdigit"}};

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Inside brackets the engine of the reference has another idea of words.
std::string_view NameFor(std::string_view property, bool in_bracket) {
  const bool word = property == "word" || property == "Word";
  return word && in_bracket ? "wordinbracket" : property;
}

char ControlOf(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case 'a':
      return '\a';
    case 'e':
      return '\x1b';
    case 'b':
      return '\b';
    default:
      return 0;
  }
}

}  // namespace

absl::Status PatternError(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("tokenizer.json: pattern: does not compile: ",
                   absl::string_view(what.data(), what.size())));
}

bool ClassParser::IsShorthand() const {
  if (rest_.size() < 2 || rest_[0] != '\\') return false;
  if (rest_[1] == 'p' || rest_[1] == 'P') {
    return rest_.size() > 2 && rest_[2] == '{';
  }
  const char lower = static_cast<char>(rest_[1] | 0x20);
  return std::any_of(std::begin(kShorthands), std::end(kShorthands),
                     [&](const ShorthandName& s) { return s.letter == lower; });
}

absl::StatusOr<ParsedClass> ClassParser::Shorthand(bool in_bracket) {
  const char letter = rest_[1];
  if (letter == 'p' || letter == 'P') return Property(in_bracket);
  rest_.remove_prefix(2);
  const char lower = static_cast<char>(letter | 0x20);
  for (const ShorthandName& shorthand : kShorthands) {
    if (shorthand.letter != lower) continue;
    const CharSet* set =
        properties_.Find(NameFor(shorthand.property, in_bracket));
    return ParsedClass{*set, letter != lower};
  }
  return PatternError("unknown escape");
}

// \p{Name}, \p{^Name}, \P{Name}.
absl::StatusOr<ParsedClass> ClassParser::Property(bool in_bracket) {
  bool negated = rest_[1] == 'P';
  rest_.remove_prefix(3);
  const size_t end = rest_.find('}');
  if (end == std::string_view::npos) return PatternError("\\p{ without }");
  std::string_view name = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  if (name.starts_with('^')) {
    negated = !negated;
    name.remove_prefix(1);
  }
  const CharSet* set = properties_.Find(NameFor(name, in_bracket));
  if (set == nullptr) {
    return PatternError(absl::StrCat(
        "unknown property \"",
        absl::string_view(name.data(), std::min<size_t>(name.size(), 40)),
        "\""));
  }
  return ParsedClass{*set, negated};
}

// [:name:] or [:^name:]. REQUIRES: the rest starts with "[:" and has ":]".
absl::StatusOr<ParsedClass> ClassParser::PosixClass() {
  rest_.remove_prefix(2);
  const bool negated = rest_.starts_with('^');
  if (negated) rest_.remove_prefix(1);
  const size_t end = rest_.find(":]");
  const CharSet* set = properties_.Find(rest_.substr(0, end));
  rest_.remove_prefix(end + 2);
  if (set == nullptr) return PatternError("unknown POSIX class");
  return ParsedClass{*set, negated};
}

absl::StatusOr<ParsedClass> ClassParser::Bracket(int depth) {
  if (depth > kMaxDepth) {
    return PatternError(
        absl::StrCat("classes nested too deeply, limit ", kMaxDepth));
  }
  rest_.remove_prefix(1);
  ParsedClass parsed;
  if (rest_.starts_with('^')) {
    parsed.negated = true;
    rest_.remove_prefix(1);
  }
  std::vector<CharRange> first_bracket;
  if (rest_.starts_with(']')) {  // stands for itself there
    first_bracket.push_back({']', ']'});
    rest_.remove_prefix(1);
  }
  ASSIGN_OR_RETURN(CharSet items, Items(depth));
  parsed.set = items.Union(CharSet(std::move(first_bracket)));
  while (rest_.starts_with("&&")) {
    rest_.remove_prefix(2);
    ASSIGN_OR_RETURN(CharSet other, Items(depth));
    parsed.set = parsed.set.Intersection(other);
  }
  if (rest_.empty()) return PatternError("a class that is not closed");
  rest_.remove_prefix(1);
  return parsed;
}

// Up to ], && or the end, which are not taken.
absl::StatusOr<CharSet> ClassParser::Items(int depth) {
  std::vector<CharRange> ranges;
  CharSet sets;
  while (!rest_.empty() && rest_[0] != ']' && !rest_.starts_with("&&")) {
    const bool posix =
        rest_.starts_with("[:") && rest_.find(":]") != std::string_view::npos;
    if (posix || rest_[0] == '[' || IsShorthand()) {
      ASSIGN_OR_RETURN(ParsedClass inner, posix             ? PosixClass()
                                          : rest_[0] == '[' ? Bracket(depth + 1)
                                                            : Shorthand(true));
      sets = sets.Union(inner.Characters());
      continue;
    }
    ASSIGN_OR_RETURN(char32_t first, Character());
    ASSIGN_OR_RETURN(CharSet range, RangeFrom(first));
    ranges.insert(ranges.end(), range.ranges().begin(), range.ranges().end());
  }
  return sets.Union(CharSet(std::move(ranges)));
}

// `first` alone, or to the character behind a hyphen.
absl::StatusOr<CharSet> ClassParser::RangeFrom(char32_t first) {
  char32_t last = first;
  if (rest_.size() >= 2 && rest_[0] == '-' && rest_[1] != ']') {
    const std::string_view before = rest_;
    rest_.remove_prefix(1);
    if (rest_[0] == '[' || rest_.starts_with("&&") || IsShorthand()) {
      rest_ = before;  // the hyphen stands for itself
    } else {
      ASSIGN_OR_RETURN(last, Character());
    }
  }
  if (last < first) return PatternError("a range that runs backwards");
  return CharSet({{first, last}});
}

absl::StatusOr<char32_t> ClassParser::Character() {
  if (rest_[0] == '\\') return Escape();
  const char32_t character = DecodeUtf8(rest_.data());
  rest_.remove_prefix(Utf8Length(rest_[0]));
  return character;
}

absl::StatusOr<char32_t> ClassParser::Escape() {
  rest_.remove_prefix(1);
  if (rest_.empty()) return PatternError("a \\ at the end");
  const char letter = rest_[0];
  if (letter == 'x' || letter == 'u') {
    rest_.remove_prefix(1);
    if (letter == 'u') return Hexadecimal(4);
    if (!rest_.starts_with('{')) return Hexadecimal(2);
    rest_.remove_prefix(1);
    ASSIGN_OR_RETURN(char32_t character, Hexadecimal(8));
    if (!rest_.starts_with('}')) return PatternError("\\x{ without }");
    rest_.remove_prefix(1);
    return character;
  }
  if (const char control = ControlOf(letter); control != 0) {
    rest_.remove_prefix(1);
    return static_cast<char32_t>(control);
  }
  if (letter == '0') {
    rest_.remove_prefix(1);
    return char32_t{0};
  }
  const char32_t character = DecodeUtf8(rest_.data());
  rest_.remove_prefix(Utf8Length(letter));
  return character;
}

absl::StatusOr<char32_t> ClassParser::Hexadecimal(size_t max_digits) {
  uint64_t value = 0;
  size_t digits = 0;
  while (digits < max_digits && digits < rest_.size() &&
         HexValue(rest_[digits]) >= 0) {
    value = value * 16 + static_cast<uint64_t>(HexValue(rest_[digits]));
    ++digits;
  }
  rest_.remove_prefix(digits);
  if (digits == 0 || value > kLastCodePoint) {
    return PatternError("a code point out of range");
  }
  return static_cast<char32_t>(value);
}

}  // namespace sluice::tokenizer
