#include "services/tokenizer/core/pre_tokenizers/scanners.h"

#include <limits>

#include "services/tokenizer/core/pre_tokenizers/family_scanners.h"
#include "services/tokenizer/core/unicode/char_classes.h"

namespace sluice::tokenizer {
namespace {

constexpr uint8_t kSeen = kLetter | kNumber | kSpace;  // not "other"

// How the patterns of one family differ.
struct Rules {
  bool any_case_contractions;
  bool any_prefix;  // [^\r\n\p{L}\p{N}]? before letters; else a space only
  int max_digits;
  bool space_before_digits;
  bool newline_rules;  // [\r\n]* after others, \s*[\r\n]+
};

constexpr Rules kGpt2 = {false, false, std::numeric_limits<int>::max(), true,
                         false};
constexpr Rules kQwen2 = {true, true, 1, false, true};
constexpr Rules kLlama3 = {true, true, 3, false, true};

bool IsNewline(char c) { return c == '\r' || c == '\n'; }

// Walks one text; every method takes and returns byte positions.
class Scan {
 public:
  Scan(const CharClasses& classes, const Rules& rules, std::string_view text,
       size_t end)
      : classes_(classes), rules_(rules), text_(text), end_(end) {}

  // End of the piece that starts at `at` < end.
  size_t PieceEnd(size_t at) const {
    if (text_[at] == '\'') {
      const size_t end = ContractionEnd(at + 1);
      if (end != 0) return end;
    }
    const uint8_t first = ClassAt(at);
    if (first & kLetter) return RunEnd(at, kLetter);
    if (first & kNumber) return DigitsEnd(at);
    const size_t next = at + Utf8Length(text_[at]);
    if (next < end_) {
      const size_t end = PrefixedEnd(at, next);
      if (end != 0) return end;
    }
    return first & kSpace ? SpaceEnd(at) : OthersEnd(at);
  }

 private:
  uint8_t ClassAt(size_t at) const { return classes_.At(text_.data() + at); }

  size_t RunEnd(size_t at, uint8_t wanted) const {
    while (at < end_ && (ClassAt(at) & wanted)) at += Utf8Length(text_[at]);
    return at;
  }

  size_t DigitsEnd(size_t at) const {
    for (int i = 0; i < rules_.max_digits && at < end_; ++i) {
      if (!(ClassAt(at) & kNumber)) break;
      at += Utf8Length(text_[at]);
    }
    return at;
  }

  size_t OthersEnd(size_t at) const {
    while (at < end_ && !(ClassAt(at) & kSeen)) at += Utf8Length(text_[at]);
    while (rules_.newline_rules && at < end_ && IsNewline(text_[at])) ++at;
    return at;
  }

  // One character before letters, or a space before digits or others; 0 when
  // what follows takes no such prefix.
  size_t PrefixedEnd(size_t at, size_t next) const {
    const bool space = text_[at] == ' ';
    const uint8_t following = ClassAt(next);
    if (following & kLetter) {
      const bool joins = rules_.any_prefix ? !IsNewline(text_[at]) : space;
      return joins ? RunEnd(next, kLetter) : 0;
    }
    if (!space) return 0;
    if (following & kNumber) {
      return rules_.space_before_digits ? DigitsEnd(next) : 0;
    }
    return following & kSpace ? 0 : OthersEnd(next);
  }

  // \s*[\r\n]+ where the rules have it, then \s+(?!\S), then \s+.
  size_t SpaceEnd(size_t at) const {
    size_t end = at;
    size_t last = at;
    size_t after_newline = 0;
    while (end < end_ && (ClassAt(end) & kSpace)) {
      last = end;
      end += Utf8Length(text_[end]);
      if (IsNewline(text_[last])) after_newline = end;
    }
    if (rules_.newline_rules && after_newline != 0) return after_newline;
    return end == end_ || last == at ? end : last;
  }

  char Folded(size_t at) const {
    const char c = text_[at];
    const bool upper = c >= 'A' && c <= 'Z';
    return upper && rules_.any_case_contractions ? static_cast<char>(c + 32)
                                                 : c;
  }

  // What follows an apostrophe: s, t, re, ve, m, ll, d; 0 for anything else.
  size_t ContractionEnd(size_t at) const {
    if (at >= end_) return 0;
    const char first = Folded(at);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
      return at + 1;
    }
    // U+017F folds to s.
    if (rules_.any_case_contractions && text_.substr(at, 2) == "\xC5\xBF" &&
        at + 2 <= end_) {
      return at + 2;
    }
    if (at + 1 >= end_) return 0;
    const char second = Folded(at + 1);
    const bool two = (first == 'l' && second == 'l') ||
                     ((first == 'r' || first == 'v') && second == 'e');
    return two ? at + 2 : 0;
  }

  const CharClasses& classes_;
  const Rules& rules_;
  std::string_view text_;
  size_t end_;
};

class Scanner final : public Splitter {
 public:
  explicit Scanner(const Rules& rules) : rules_(rules) {}
  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    const Scan scan(classes_, rules_, text, piece.end);
    for (size_t at = piece.begin; at < piece.end;) {
      const size_t end = scan.PieceEnd(at);
      out.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(end)});
      at = end;
    }
    return absl::OkStatus();
  }

 private:
  Rules rules_;
  CharClasses classes_;
};

class DigitsSplitter final : public Splitter {
 public:
  explicit DigitsSplitter(bool individual) : individual_(individual) {}
  absl::Status Split(std::string_view text, Piece piece,
                     std::vector<Piece>& out) const override {
    uint32_t begin = piece.begin;
    bool in_digits = false;
    for (uint32_t at = piece.begin; at < piece.end;) {
      const bool digit = classes_.At(text.data() + at) & kDigit;
      if (at > begin && (digit != in_digits || (digit && individual_))) {
        out.push_back({begin, at});
        begin = at;
      }
      in_digits = digit;
      at += static_cast<uint32_t>(Utf8Length(text[at]));
    }
    if (begin < piece.end) out.push_back({begin, piece.end});
    return absl::OkStatus();
  }

 private:
  bool individual_;
  CharClasses classes_;
};

}  // namespace

std::unique_ptr<Splitter> MakeScanner(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return std::make_unique<Scanner>(kGpt2);
  if (pattern == kQwen2Pattern) return std::make_unique<Scanner>(kQwen2);
  if (pattern == kLlama3Pattern) return std::make_unique<Scanner>(kLlama3);
  return MakeFamilyScanner(pattern);
}

std::unique_ptr<Splitter> MakeDigitsSplitter(bool individual) {
  return std::make_unique<DigitsSplitter>(individual);
}

}  // namespace sluice::tokenizer
