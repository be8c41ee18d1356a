#include "services/tokenizer/core/regex/onig_syntax.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/vocabulary/utf8.h"
#include "services/tokenizer/core/regex/class_parser.h"
#include "services/tokenizer/core/regex/properties.h"

namespace sluice::tokenizer {
namespace {

constexpr size_t kMaxTranslatedBytes = size_t{4} << 20;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// {n}, {n,}, {n,m} or {,m}.
struct Interval {
  std::string text;    // for PCRE2
  size_t length = 0;   // in the pattern
  bool exact = false;  // {n}
};

std::optional<Interval> IntervalAt(std::string_view rest) {
  const size_t end = rest.find('}');
  if (end == std::string_view::npos || end < 2) return std::nullopt;
  std::string_view inside = rest.substr(1, end - 1);
  Interval interval;
  interval.length = end + 1;
  size_t commas = 0;
  for (char c : inside) {
    if (c == ',') {
      ++commas;
    } else if (!IsDigit(c)) {
      return std::nullopt;
    }
  }
  if (commas > 1 || inside == ",") return std::nullopt;
  interval.exact = commas == 0;
  interval.text =
      absl::StrCat("{", inside[0] == ',' ? "0" : "",
                   absl::string_view(inside.data(), inside.size()), "}");
  return interval;
}

// Letters that fold to one character, longest first: without regard to case
// such a character matches them.
struct Fold {
  std::string_view letters;
  std::string_view characters;
};
constexpr Fold kFolds[] = {
    {"ffi", R"(\x{FB03})"},       {"ffl", R"(\x{FB04})"},
    {"ss", R"(\x{DF}|\x{1E9E})"}, {"st", R"(\x{FB05}|\x{FB06})"},
    {"ff", R"(\x{FB00})"},        {"fi", R"(\x{FB01})"},
    {"fl", R"(\x{FB02})"}};

bool StartsWithLetters(std::string_view text, std::string_view letters) {
  if (text.size() < letters.size()) return false;
  for (size_t i = 0; i < letters.size(); ++i) {
    if ((text[i] | 0x20) != letters[i]) return false;
  }
  return true;
}

// Copies a pattern and changes what PCRE2 reads otherwise.
class Translator {
 public:
  explicit Translator(std::string_view pattern)
      : rest_(pattern), classes_(rest_, properties_) {}

  absl::StatusOr<std::string> Run() {
    while (!rest_.empty()) {
      RETURN_IF_ERROR(Next());
      if (out_.size() > kMaxTranslatedBytes) {
        return PatternError(
            absl::StrCat("too long once its classes are "
                         "written out, limit ",
                         kMaxTranslatedBytes));
      }
    }
    return std::move(out_);
  }

 private:
  absl::Status Next() {
    switch (rest_[0]) {
      case '[': {
        ASSIGN_OR_RETURN(ParsedClass parsed, classes_.Bracket(0));
        WriteClass(parsed);
        return absl::OkStatus();
      }
      case '\\':
        return Escape();
      case '(':
        Open();
        return absl::OkStatus();
      case ')':
        atom_ = opened_.empty() ? out_.size() : opened_.back().at;
        if (!opened_.empty()) {
          any_case_ = opened_.back().any_case;
          opened_.pop_back();
        }
        Copy(1);
        return absl::OkStatus();
      case '{':
        Brace();
        return absl::OkStatus();
      case '?':
      case '*':
      case '+':
      case '|':
        Copy(1);
        return absl::OkStatus();
      default:
        if (any_case_ && CopyFold()) return absl::OkStatus();
        atom_ = out_.size();
        Copy(Utf8Length(rest_[0]));
        return absl::OkStatus();
    }
  }

  // Letters of a fold, unless a quantifier takes the last of them alone.
  bool CopyFold() {
    constexpr std::string_view kQuantifiers = "?*+{";
    for (const Fold& fold : kFolds) {
      if (!StartsWithLetters(rest_, fold.letters)) continue;
      const std::string_view after = rest_.substr(fold.letters.size());
      if (!after.empty() &&
          kQuantifiers.find(after[0]) != std::string_view::npos) {
        continue;
      }
      atom_ = out_.size();
      out_ += "(?:";
      Copy(fold.letters.size());
      out_.append("|").append(fold.characters).append(")");
      return true;
    }
    return false;
  }

  void Copy(size_t count) {
    out_.append(rest_.substr(0, count));
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  void WriteClass(const ParsedClass& parsed) {
    atom_ = out_.size();
    const std::string inside = properties_.Inside(parsed.set);
    if (inside.empty()) {
      out_ += parsed.negated ? "[\\x{0}-\\x{10FFFF}]" : "(?!)";
    } else {
      absl::StrAppend(&out_, parsed.negated ? "[^" : "[", inside, "]");
    }
  }

  absl::Status Escape() {
    if (rest_.size() < 2) return PatternError("a \\ at the end");
    if (classes_.IsShorthand()) {
      ASSIGN_OR_RETURN(ParsedClass parsed, classes_.Shorthand(false));
      WriteClass(parsed);
      return absl::OkStatus();
    }
    atom_ = out_.size();
    const char letter = rest_[1];
    if (letter == 'b' || letter == 'B') {
      rest_.remove_prefix(2);
      WriteWordBorder(letter == 'b');
    } else if (letter == 'x' || letter == 'u') {
      ASSIGN_OR_RETURN(char32_t character, classes_.Character());
      absl::StrAppendFormat(&out_, "\\x{%X}", uint32_t{character});
    } else {
      Copy(1 + Utf8Length(letter));
    }
    return absl::OkStatus();
  }

  void WriteWordBorder(bool is_border) {
    const std::string word =
        absl::StrCat("[", properties_.Inside(*properties_.Find("word")), "]");
    absl::StrAppend(&out_, "(?:(?<=", word, is_border ? ")(?!" : ")(?=", word,
                    ")|(?<!", word, is_border ? ")(?=" : ")(?!", word, "))");
  }

  // A group; its options mean other things: (?m) is what PCRE2 calls (?s).
  void Open() {
    opened_.push_back({out_.size(), any_case_});
    Copy(1);
    if (!rest_.starts_with('?')) return;
    size_t end = 1;
    while (end < rest_.size() && (rest_[end] == 'i' || rest_[end] == 'm' ||
                                  rest_[end] == 'x' || rest_[end] == '-')) {
      ++end;
    }
    const bool options = end > 1 && end < rest_.size() &&
                         (rest_[end] == ':' || rest_[end] == ')');
    if (!options) return;
    const std::string_view letters = rest_.substr(0, end);
    const size_t i = letters.find('i');
    if (i != std::string_view::npos) any_case_ = i < letters.find('-');
    // (?i) lasts to the end of the group around it.
    if (rest_[end] == ')') opened_.back().any_case = any_case_;
    for (; end > 0; --end) {
      out_.push_back(rest_[0] == 'm' ? 's' : rest_[0]);
      rest_.remove_prefix(1);
    }
  }

  // An interval; a + behind it repeats once more, a ? behind {n} makes it
  // optional. A brace that opens none stands for itself.
  void Brace() {
    std::optional<Interval> interval = IntervalAt(rest_);
    if (!interval.has_value()) {
      atom_ = out_.size();
      out_ += "\\{";
      rest_.remove_prefix(1);
      return;
    }
    rest_.remove_prefix(interval->length);
    out_ += interval->text;
    const bool again =
        rest_.starts_with('+') || (rest_.starts_with('?') && interval->exact);
    if (!again) return;
    out_.insert(std::min(atom_, out_.size()), "(?:");
    out_ += ")";
    Copy(1);
  }

  std::string_view rest_;
  Properties properties_;
  ClassParser classes_;
  std::string out_;
  size_t atom_ = 0;  // where the last atom starts in out_
  bool any_case_ = false;
  struct Group {
    size_t at;      // where it starts in out_
    bool any_case;  // what holds behind it
  };
  std::vector<Group> opened_;
};

}  // namespace

absl::StatusOr<std::string> FromOnigSyntax(std::string_view regex) {
  if (!IsValidUtf8(regex)) return PatternError("not UTF-8");
  return Translator(regex).Run();
}

}  // namespace sluice::tokenizer
