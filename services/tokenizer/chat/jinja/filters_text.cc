// Filters that make text or numbers.

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/builtins.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/escape.h"
#include "services/tokenizer/chat/jinja/format.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/print.h"
#include "services/tokenizer/chat/jinja/text_ops.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

template <Casing kCasing>
Result CaseFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  ASSIGN_OR_RETURN(Text changed, ChangeCase(text.text(), kCasing, i.budget()));
  return Value::String(std::move(changed), text.string().safe);
}

Result TitleFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  ASSIGN_OR_RETURN(Text titled, TitleWords(text.text(), i.budget()));
  return Value::String(std::move(titled));
}

Result StringFilter(Interpreter& i, const Value& value, const Arguments& a) {
  return ToText(value, i.budget());
}

Result SafeFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  RETURN_IF_ERROR(i.budget().SpendBytes(text.text().extent()));
  return Value::String(text.text(), /*safe=*/true);
}

Result EscapeFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  ASSIGN_OR_RETURN(Text escaped, EscapeHtml(text, i.budget()));
  return Value::String(std::move(escaped), /*safe=*/true);
}

Result ForceEscapeFilter(Interpreter& i, const Value& value,
                         const Arguments& a) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  ASSIGN_OR_RETURN(Text escaped, EscapeHtml(text.text(), i.budget()));
  return Value::String(std::move(escaped), /*safe=*/true);
}

Result TrimFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  return FindStringMethod("strip")->function(i, text, a);
}

Result CenterFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("center", {"width"}, 0, a));
  ASSIGN_OR_RETURN(const int64_t width, parameters.Int(0, 80));
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  return FindStringMethod("center")->function(
      i, text, {.positional = {Value::Int(width)}, .named = {}});
}

Result ReplaceFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("replace", {"old", "new", "count"}, 2, a));
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  ASSIGN_OR_RETURN(const Value from, ToText(parameters[0], i.budget()));
  ASSIGN_OR_RETURN(const Value to, ToText(parameters[1], i.budget()));
  int64_t count = -1;
  if (parameters.has(2) && !parameters[2].is_none()) {
    ASSIGN_OR_RETURN(count, parameters.Int(2, -1));
  }
  ASSIGN_OR_RETURN(Text out, Replace(text.text(), from.bytes(), to.text(),
                                     count, i.budget()));
  return Value::String(std::move(out));
}

Result FormatFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (!a.positional.empty() && !a.named.empty()) {
    return Fail("can't handle positional and keyword arguments at once");
  }
  ASSIGN_OR_RETURN(const Value text, ToText(value, i.budget()));
  if (!a.named.empty()) {
    DictBuilder named;
    for (const auto& [name, argument] : a.named) {
      named.Set(Value::Literal(name), argument);
    }
    ASSIGN_OR_RETURN(const Value values, named.Build());
    return FormatPercent(text, values, i.budget());
  }
  ASSIGN_OR_RETURN(const Value values, MakeTuple(a.positional));
  return FormatPercent(text, values, i.budget());
}

// Jinja adds a line end first, so that the last line counts as one.
Result IndentFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("indent", {"width", "first", "blank"}, 0, a));
  ASSIGN_OR_RETURN(const Value input, ToText(value, i.budget()));
  Value indention;
  if (parameters.has(0) && parameters[0].is_string()) {
    indention = parameters[0];
  } else {
    ASSIGN_OR_RETURN(const int64_t width, parameters.Int(0, 4));
    ASSIGN_OR_RETURN(Text spaces, Repeat(Text(" "), width, i.budget()));
    indention = Value::String(std::move(spaces));
  }
  const bool blank = parameters.Truth(2, false);
  RETURN_IF_ERROR(i.budget().SpendBytes(input.text().extent()));
  Text whole = input.text();
  whole.Append("\n", /*foreign=*/false);
  ASSIGN_OR_RETURN(const std::vector<Text> lines,
                   SplitLines(whole, /*keep_ends=*/false, i.budget()));
  PaidText out(i.budget());
  for (size_t line = 0; line < lines.size(); ++line) {
    if (line != 0) RETURN_IF_ERROR(out.Append("\n", /*foreign=*/false));
    const bool indented =
        line == 0 ? parameters.Truth(1, false) : blank || !lines[line].empty();
    if (indented) RETURN_IF_ERROR(out.Append(indention.text()));
    RETURN_IF_ERROR(out.Append(lines[line]));
  }
  return Value::String(out.Take(), input.string().safe);
}

Result TruncateFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("truncate", {"length", "killwords", "end", "leeway"}, 0,
                       a));
  ASSIGN_OR_RETURN(const Value input, ToText(value, i.budget()));
  ASSIGN_OR_RETURN(const int64_t length, parameters.Int(0, 255));
  ASSIGN_OR_RETURN(const Value end, parameters.String(2, "..."));
  RETURN_IF_ERROR(i.budget().SpendBytes(end.text().extent()));
  RETURN_IF_ERROR(i.budget().SpendScan(input.text().extent()));
  const bool no_leeway = parameters.has(3) && parameters[3].is_none();
  int64_t leeway = 5;
  if (!no_leeway) {
    ASSIGN_OR_RETURN(leeway, parameters.Int(3, 5));
  }
  const auto end_size = static_cast<int64_t>(CountCodePoints(end.bytes()));
  if (length < end_size) {
    return Fail("expected length >= ", end_size, ", got ", length);
  }
  if (leeway < 0) return Fail("expected leeway >= 0, got ", leeway);
  const Text& text = input.text();
  const auto size = static_cast<int64_t>(CountCodePoints(text.bytes()));
  if (size - length <= leeway) {
    return input;
  }
  size_t cut =
      OffsetOfCodePoint(text.bytes(), static_cast<size_t>(length - end_size));
  if (!parameters.Truth(1, false)) {
    const size_t space =
        std::string_view(text.bytes()).substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  Text out = text.Slice(0, cut);
  out.Append(end.text());
  RETURN_IF_ERROR(i.budget().SpendBytes(out.size()));
  return Value::String(std::move(out));
}

Result WordCountFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Value input, ToText(value, i.budget()));
  RETURN_IF_ERROR(i.budget().SpendScanClosely(input.text().size()));
  const std::string& bytes = input.bytes();
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < bytes.size(); at += CodePointBytes(bytes, at)) {
    const char32_t c = DecodeAt(bytes, at);
    const bool now = c == '_' || IsAlphanumeric(c);
    if (now && !inside) ++words;
    inside = now;
  }
  return Value::Int(words);
}

absl::StatusOr<std::string> Separator(const Value& value, Budget& budget) {
  if (!value.is_string()) return Fail("separators must be strings");
  RETURN_IF_ERROR(budget.SpendBytes(value.bytes().size()));
  return value.bytes();
}

Result ToJsonFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(
      const Parameters parameters,
      Parameters::Bind("tojson",
                       {"ensure_ascii", "indent", "separators", "sort_keys"}, 0,
                       a));
  DumpOptions options;
  options.ensure_ascii = parameters.Truth(0, false);
  options.sort_keys = parameters.Truth(3, false);
  if (parameters.has(1) && !parameters[1].is_none()) {
    options.item_separator = std::string(",");
    if (parameters[1].is_string()) {
      RETURN_IF_ERROR(i.budget().SpendBytes(parameters[1].bytes().size()));
      options.indent = parameters[1].bytes();
    } else {
      ASSIGN_OR_RETURN(const int64_t width, parameters.Int(1, 0));
      ASSIGN_OR_RETURN(const Text spaces, Repeat(Text(" "), width, i.budget()));
      options.indent = spaces.bytes();
    }
  }
  if (parameters.has(2) && !parameters[2].is_none()) {
    if (!parameters[2].is_sequence() || parameters[2].items().size() != 2) {
      return Fail("separators must be a pair of strings");
    }
    ASSIGN_OR_RETURN(options.item_separator,
                     Separator(parameters[2].items()[0], i.budget()));
    ASSIGN_OR_RETURN(options.key_separator,
                     Separator(parameters[2].items()[1], i.budget()));
  }
  ASSIGN_OR_RETURN(Text text, DumpJson(value, options, i.budget()));
  return Value::String(std::move(text));
}

// The digits of a Python number literal: stripped, without underscores that
// stand between digits. Empty when a character cannot be part of one.
absl::StatusOr<std::string> NumberText(const Value& value, Budget& budget) {
  ASSIGN_OR_RETURN(const TextBounds left, Strip(value.bytes(), {}, budget));
  const std::string_view bytes =
      std::string_view(value.bytes()).substr(left.begin, left.end - left.begin);
  RETURN_IF_ERROR(budget.SpendScanClosely(bytes.size()));
  std::string out;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const bool gap = bytes[at] == '_' && at > 0 && at + 1 < bytes.size() &&
                     std::isalnum(static_cast<unsigned char>(bytes[at - 1])) &&
                     std::isalnum(static_cast<unsigned char>(bytes[at + 1]));
    if (!gap) out += bytes[at];
  }
  return out;
}

std::optional<double> ParseFloat(const std::string& text) {
  // strtod takes hexadecimal numbers and names that Python does not.
  if (text.empty() || text.find_first_of("xXpP(") != std::string::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  return number;
}

absl::Status TooBig() { return Fail("int: does not fit in 64 bits"); }

// Nothing where Python says that the text is no integer.
absl::StatusOr<std::optional<int64_t>> ParseInt(std::string text, int base) {
  constexpr size_t kMaxDigits = 4300;  // of Python's int()
  if (text.empty()) return std::nullopt;
  const size_t sign = text[0] == '-' || text[0] == '+' ? 1 : 0;
  if (text.size() > sign + 2 && text[sign] == '0') {
    const char mark = static_cast<char>(text[sign + 1] | 0x20);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && marked == base) text.erase(sign, 2);
  }
  char* end = nullptr;
  errno = 0;
  const int64_t number = std::strtoll(text.c_str(), &end, base);
  if (*end != '\0' || end == text.c_str()) return std::nullopt;
  if (errno != ERANGE) return number;
  if (text.size() - sign > kMaxDigits) return std::nullopt;
  return TooBig();
}

// Towards zero; nothing for what is no number.
absl::StatusOr<std::optional<int64_t>> Truncated(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  if (!(std::fabs(number) < 9.2e18)) return TooBig();
  return static_cast<int64_t>(number);
}

absl::StatusOr<std::optional<int64_t>> IntOf(const Value& value, int base,
                                             Budget& budget) {
  if (value.is_integral()) return value.int_value();
  if (value.is(Kind::kFloat)) {
    if (std::isinf(value.number())) return TooBig();
    return Truncated(value.number());
  }
  if (!value.is_string()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string text, NumberText(value, budget));
  ASSIGN_OR_RETURN(const std::optional<int64_t> number, ParseInt(text, base));
  if (number.has_value()) return number;
  const std::optional<double> real = ParseFloat(text);
  if (!real.has_value()) return std::nullopt;
  return Truncated(*real);
}

Result IntFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("int", {"default", "base"}, 0, a));
  ASSIGN_OR_RETURN(const int64_t base, parameters.Int(1, 10));
  if (base < 2 || base > 36) return Fail("int() base must be 2 to 36");
  if (value.is_undefined()) return Fail(value.undefined_message());
  ASSIGN_OR_RETURN(const std::optional<int64_t> number,
                   IntOf(value, static_cast<int>(base), i.budget()));
  if (number.has_value()) return Value::Int(*number);
  return parameters.has(0) ? parameters[0] : Value::Int(0);
}

Result FloatFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("float", {"default"}, 0, a));
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (value.is_number()) return Value::Float(value.number());
  if (value.is_string()) {
    ASSIGN_OR_RETURN(const std::string text, NumberText(value, i.budget()));
    const std::optional<double> number = ParseFloat(text);
    if (number.has_value()) return Value::Float(*number);
  }
  return parameters.has(0) ? parameters[0] : Value::Float(0);
}

Result AbsFilter(Interpreter& i, const Value& value, const Arguments& a) {
  if (value.is(Kind::kFloat)) return Value::Float(std::fabs(value.number()));
  if (value.is_integral() && value.int_value() >= 0) {
    return Value::Int(value.int_value());
  }
  if (value.is_integral()) return Negate(value);
  if (value.is_undefined()) return Fail(value.undefined_message());
  return Fail("bad operand type for abs(): '", value.TypeName(), "'");
}

// Python's round: to the nearest, ties to even, on the exact binary value.
double RoundTo(double number, int64_t digits) {
  constexpr double kWhole = 9007199254740992.0;  // from here on all are whole
  if (digits < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(number / scale) * scale;
  }
  if (!(std::fabs(number) < kWhole)) return number;
  char buffer[512];
  std::snprintf(buffer, sizeof(buffer), "%.*f", static_cast<int>(digits),
                number);
  return std::strtod(buffer, nullptr);
}

Result RoundFilter(Interpreter& i, const Value& value, const Arguments& a) {
  ASSIGN_OR_RETURN(const Parameters parameters,
                   Parameters::Bind("round", {"precision", "method"}, 0, a));
  ASSIGN_OR_RETURN(const int64_t digits, parameters.Int(0, 0));
  ASSIGN_OR_RETURN(const Value method, parameters.String(1, "common"));
  if (digits > 100 || digits < -100) return Fail("round: precision too large");
  RETURN_IF_ERROR(i.budget().Spend(8));  // by way of its decimal digits
  if (value.is_undefined()) return Fail(value.undefined_message());
  if (!value.is_number()) {
    return Fail("type ", value.TypeName(), " doesn't define __round__ method");
  }
  if (method.bytes() == "common") {
    if (value.is_integral() && digits >= 0) {
      return Value::Int(value.int_value());
    }
    const double rounded = RoundTo(value.number(), digits);
    if (!value.is_integral()) return Value::Float(rounded);
    ASSIGN_OR_RETURN(const std::optional<int64_t> whole, Truncated(rounded));
    return Value::Int(whole.value_or(0));
  }
  if (method.bytes() != "ceil" && method.bytes() != "floor") {
    return Fail("method must be common, ceil or floor");
  }
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.number() * scale;
  return Value::Float(
      (method.bytes() == "ceil" ? std::ceil(scaled) : std::floor(scaled)) /
      scale);
}

constexpr BuiltinEntry kFilters[] = {
    {"abs", AbsFilter},
    {"capitalize", CaseFilter<Casing::kCapitalize>},
    {"center", CenterFilter},
    {"e", EscapeFilter},
    {"escape", EscapeFilter},
    {"float", FloatFilter},
    {"forceescape", ForceEscapeFilter},
    {"format", FormatFilter},
    {"indent", IndentFilter},
    {"int", IntFilter},
    {"lower", CaseFilter<Casing::kLower>},
    {"replace", ReplaceFilter},
    {"round", RoundFilter},
    {"safe", SafeFilter},
    {"string", StringFilter},
    {"title", TitleFilter},
    {"tojson", ToJsonFilter},
    {"trim", TrimFilter},
    {"truncate", TruncateFilter},
    {"upper", CaseFilter<Casing::kUpper>},
    {"wordcount", WordCountFilter},
};

}  // namespace

const BuiltinEntry* FindTextFilter(std::string_view name) {
  return FindBuiltin(kFilters, name);
}

}  // namespace sluice::tokenizer::jinja
