#include "services/tokenizer/chat/jinja/lexer.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/string_literal.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

// Every kind of line end becomes \n; one at the very end goes away.
std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsNameStart(char32_t c) {
  return c == '_' ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_XID_START);
}

bool IsNamePart(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_XID_CONTINUE);
}

constexpr std::string_view kLongOperators[] = {
    "//", "**", "==", "!=", "<=", ">="};
constexpr std::string_view kShortOperators = "+-/*%~[](){}<>=.:|,;";

class Lexer {
 public:
  Lexer(std::string source, const LexerOptions& options, const Limits& limits)
      : source_(std::move(source)),
        all_(source_),
        options_(options),
        limits_(limits) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (at_ < all_.size()) {
      absl::Status status = NextPiece();
      status.Update(CheckCount());
      if (!status.ok()) {
        return Fail("line ", line_, ": ", std::string(status.message()));
      }
    }
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  void Add(TokenKind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), line_});
  }

  absl::Status CheckCount() const {
    if (static_cast<int64_t>(tokens_.size()) <= limits_.tokens) {
      return absl::OkStatus();
    }
    return Fail("more tokens than the limit of ", limits_.tokens);
  }

  // Moves on, counting lines.
  void AdvanceTo(size_t end) {
    line_ += static_cast<int>(
        std::count(all_.begin() + static_cast<std::ptrdiff_t>(at_),
                   all_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
  }

  bool At(std::string_view text) const {
    return all_.substr(at_, text.size()) == text;
  }

  void SkipSpace() {
    size_t end = at_;
    while (end < all_.size() && IsPythonSpace(DecodeAt(all_, end))) {
      end += CodePointBytes(all_, end);
    }
    AdvanceTo(end);
  }

  size_t FindTag() const {
    for (size_t i = at_; i + 1 < all_.size(); ++i) {
      if (all_[i] == '{' &&
          (all_[i + 1] == '{' || all_[i + 1] == '%' || all_[i + 1] == '#')) {
        return i;
      }
    }
    return all_.size();
  }

  // The text before a tag, cut as the tag's sign and lstrip_blocks say.
  std::string_view TrimBefore(std::string_view text, char tag,
                              char sign) const {
    if (sign == '-') {
      size_t end = text.size();
      while (end > 0) {
        const size_t previous = PreviousCodePoint(text, end);
        if (!IsPythonSpace(DecodeAt(text, previous))) break;
        end = previous;
      }
      return text.substr(0, end);
    }
    if (sign == '+' || tag == '{' || !options_.lstrip_blocks) return text;
    const size_t newline = text.rfind('\n');
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    if (begin == 0 && !line_starting_) return text;
    for (size_t i = begin; i < text.size(); i += CodePointBytes(text, i)) {
      if (!IsPythonSpace(DecodeAt(text, i))) return text;
    }
    return text.substr(0, begin);
  }

  // Text up to the next tag, then that tag.
  absl::Status NextPiece() {
    const size_t tag = FindTag();
    const std::string_view text = all_.substr(at_, tag - at_);
    if (tag == all_.size()) {
      if (!text.empty()) Add(TokenKind::kData, std::string(text));
      AdvanceTo(tag);
      return absl::OkStatus();
    }
    const char kind = all_[tag + 1];
    const char next = tag + 2 < all_.size() ? all_[tag + 2] : ' ';
    const char sign = next == '-' || next == '+' ? next : ' ';
    const std::string_view kept = TrimBefore(text, kind, sign);
    if (!kept.empty()) Add(TokenKind::kData, std::string(kept));
    AdvanceTo(tag + (sign == ' ' ? 2 : 3));
    if (kind == '#') return SkipComment();
    if (kind == '%' && TryRawBegin()) return ReadRaw();
    Add(kind == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
    return ReadTag(kind);
  }

  // After the closing of a block or comment: what `sign` and trim_blocks eat.
  void EatAfter(char sign) {
    const size_t begin = at_;
    if (sign == '-') {
      SkipSpace();
    } else if (sign == ' ' && options_.trim_blocks && At("\n")) {
      AdvanceTo(at_ + 1);
    }
    line_starting_ = at_ > begin && all_[at_ - 1] == '\n';
  }

  absl::Status SkipComment() {
    const size_t close = all_.find("#}", at_);
    if (close == std::string_view::npos) {
      return Fail("missing end of comment tag");
    }
    const char last = close > at_ ? all_[close - 1] : ' ';
    AdvanceTo(close + 2);
    EatAfter(last == '-' || last == '+' ? last : ' ');
    return absl::OkStatus();
  }

  // Stands after "{%": takes "raw %}" if that follows.
  bool TryRawBegin() {
    const size_t begin = at_;
    const int line = line_;
    SkipSpace();
    if (At("raw")) {
      AdvanceTo(at_ + 3);
      SkipSpace();
      const bool strip = At("-%}");
      if (strip || At("%}")) {
        AdvanceTo(at_ + (strip ? 3 : 2));
        line_starting_ = false;
        if (strip) EatAfter('-');
        return true;
      }
    }
    at_ = begin;
    line_ = line;
    return false;
  }

  absl::Status ReadRaw() {
    const size_t begin = at_;
    for (size_t tag = all_.find("{%", at_); tag != std::string_view::npos;
         tag = all_.find("{%", tag + 2)) {
      const char next = tag + 2 < all_.size() ? all_[tag + 2] : ' ';
      const char sign = next == '-' || next == '+' ? next : ' ';
      AdvanceTo(tag + (sign == ' ' ? 2 : 3));
      SkipSpace();
      if (!At("endraw")) continue;
      AdvanceTo(at_ + 6);
      SkipSpace();
      const char end = At("-%}") ? '-' : At("+%}") ? '+' : ' ';
      if (end == ' ' && !At("%}")) continue;
      const std::string_view kept =
          TrimBefore(all_.substr(begin, tag - begin), '%', sign);
      if (!kept.empty()) Add(TokenKind::kData, std::string(kept));
      AdvanceTo(at_ + (end == ' ' ? 2 : 3));
      EatAfter(end);
      return absl::OkStatus();
    }
    return Fail("missing end of raw directive");
  }

  // Everything up to the end of a {{ }} or {% %}.
  absl::Status ReadTag(char kind) {
    const char close = kind == '{' ? '}' : '%';
    std::string brackets;
    while (true) {
      SkipSpace();
      if (at_ >= all_.size()) return Fail("unexpected end of template");
      if (brackets.empty() && TryClose(close)) return absl::OkStatus();
      RETURN_IF_ERROR(ReadToken(brackets));
      RETURN_IF_ERROR(CheckCount());
    }
  }

  bool TryClose(char close) {
    const bool minus = all_[at_] == '-';
    const bool plus = all_[at_] == '+' && close == '%';
    const size_t from = at_ + (minus || plus ? 1 : 0);
    if (from + 1 >= all_.size() || all_[from] != close ||
        all_[from + 1] != '}') {
      return false;
    }
    Add(close == '}' ? TokenKind::kVariableEnd : TokenKind::kBlockEnd, "");
    AdvanceTo(from + 2);
    if (close == '%') {
      EatAfter(minus ? '-' : plus ? '+' : ' ');
    } else {
      line_starting_ = false;
      if (minus) EatAfter('-');
    }
    return true;
  }

  absl::Status ReadToken(std::string& brackets) {
    const char c = all_[at_];
    if (IsDigit(c)) return ReadNumber();
    if (c == '"' || c == '\'') return ReadString(c);
    if (IsNameStart(DecodeAt(all_, at_))) {
      size_t end = at_;
      while (end < all_.size() && IsNamePart(DecodeAt(all_, end))) {
        end += CodePointBytes(all_, end);
      }
      if (static_cast<int64_t>(end - at_) > limits_.name_bytes) {
        return Fail("a name of ", end - at_, " bytes, limit ",
                    limits_.name_bytes);
      }
      Add(TokenKind::kName, std::string(all_.substr(at_, end - at_)));
      AdvanceTo(end);
      return absl::OkStatus();
    }
    return ReadOperator(brackets);
  }

  absl::Status ReadOperator(std::string& brackets) {
    std::string_view found;
    for (const std::string_view candidate : kLongOperators) {
      if (At(candidate)) found = candidate;
    }
    if (found.empty()) {
      found = all_.substr(at_, 1);
      if (kShortOperators.find(found) == std::string_view::npos) {
        return Fail("unexpected character '",
                    all_.substr(at_, CodePointBytes(all_, at_)), "'");
      }
    }
    RETURN_IF_ERROR(Balance(found[0], brackets));
    Add(TokenKind::kOperator, std::string(found));
    AdvanceTo(at_ + found.size());
    return absl::OkStatus();
  }

  static absl::Status Balance(char c, std::string& brackets) {
    if (c == '(') brackets += ')';
    if (c == '[') brackets += ']';
    if (c == '{') brackets += '}';
    if (c != ')' && c != ']' && c != '}') return absl::OkStatus();
    if (brackets.empty() || brackets.back() != c) {
      return Fail("unexpected '", std::string(1, c), "'");
    }
    brackets.pop_back();
    return absl::OkStatus();
  }

  absl::Status ReadString(char quote) {
    size_t end = at_ + 1;
    while (end < all_.size() && all_[end] != quote) {
      end += all_[end] == '\\' ? 2 : 1;
    }
    if (end >= all_.size()) return Fail("a string does not end");
    ASSIGN_OR_RETURN(std::string text,
                     Unescape(all_.substr(at_ + 1, end - at_ - 1)));
    Add(TokenKind::kString, std::move(text));
    AdvanceTo(end + 1);
    return absl::OkStatus();
  }

  // Digits with single underscores between them.
  size_t Digits(size_t from, std::string_view allowed, std::string& out) const {
    size_t i = from;
    while (i < all_.size()) {
      const bool gap = all_[i] == '_' && i > from && i + 1 < all_.size() &&
                       allowed.find(all_[i + 1]) != std::string_view::npos;
      if (!gap && allowed.find(all_[i]) == std::string_view::npos) break;
      if (!gap) out += all_[i];
      ++i;
    }
    return i;
  }

  absl::Status ReadNumber() {
    constexpr std::string_view kDecimal = "0123456789";
    std::string text;
    const char base = all_[at_] == '0' && at_ + 1 < all_.size()
                          ? static_cast<char>(all_[at_ + 1] | 0x20)
                          : ' ';
    if (base == 'x' || base == 'o' || base == 'b') {
      text = std::string("0") + base;
      const size_t end = Digits(at_ + 2,
                                base == 'x'   ? "0123456789abcdefABCDEF"
                                : base == 'o' ? "01234567"
                                              : "01",
                                text);
      Add(TokenKind::kInteger, std::move(text));
      AdvanceTo(end);
      return absl::OkStatus();
    }
    size_t end = Digits(at_, kDecimal, text);
    bool real = false;
    if (end + 1 < all_.size() && all_[end] == '.' && IsDigit(all_[end + 1]) &&
        !AfterDot()) {
      real = true;
      text += '.';
      end = Digits(end + 1, kDecimal, text);
    }
    if (end < all_.size() && (all_[end] | 0x20) == 'e' && !AfterDot()) {
      size_t digits = end + 1;
      if (digits < all_.size() &&
          (all_[digits] == '+' || all_[digits] == '-')) {
        ++digits;
      }
      if (digits < all_.size() && IsDigit(all_[digits])) {
        real = true;
        text += all_.substr(end, digits - end);
        end = Digits(digits, kDecimal, text);
      }
    }
    Add(real ? TokenKind::kFloat : TokenKind::kInteger, std::move(text));
    AdvanceTo(end);
    return absl::OkStatus();
  }

  // In `matrix.0.1` the digits are item numbers, not a float.
  bool AfterDot() const { return at_ > 0 && all_[at_ - 1] == '.'; }

  const std::string source_;
  const std::string_view all_;
  const LexerOptions options_;
  const Limits& limits_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // nothing stands before at_ on its line
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(std::string_view source,
                                            const LexerOptions& options,
                                            const Limits& limits) {
  return Lexer(NormalizeNewlines(source), options, limits).Run();
}

}  // namespace sluice::tokenizer::jinja
