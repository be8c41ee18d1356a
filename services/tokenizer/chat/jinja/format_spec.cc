#include "services/tokenizer/chat/jinja/format_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/print.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

constexpr int64_t kMaxWidth = 1 << 20;
constexpr int64_t kMaxPrecision = 512;

bool IsAlign(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

absl::StatusOr<int64_t> TakeNumber(std::string_view& spec, int64_t limit) {
  int64_t number = 0;
  while (!spec.empty() && spec[0] >= '0' && spec[0] <= '9') {
    number = number * 10 + (spec[0] - '0');
    if (number > limit) {
      return absl::ResourceExhaustedError("a format is too wide");
    }
    spec.remove_prefix(1);
  }
  return number;
}

bool Take(std::string_view& spec, char c) {
  if (spec.empty() || spec[0] != c) return false;
  spec.remove_prefix(1);
  return true;
}

void TakeAlign(std::string_view& spec, FormatSpec& out) {
  if (spec.empty()) return;
  const size_t first = CodePointBytes(spec, 0);
  if (first < spec.size() && IsAlign(spec[first])) {
    out.fill = DecodeAt(spec, 0);
    out.align = spec[first];
    spec.remove_prefix(first + 1);
  } else if (IsAlign(spec[0])) {
    out.align = spec[0];
    spec.remove_prefix(1);
  }
}

// Digits with a separator after each `every` from the right.
std::string Group(std::string digits, char separator, size_t every) {
  size_t end = digits.find_first_not_of("0123456789abcdefABCDEF");
  if (end == std::string::npos) end = digits.size();
  for (size_t i = end; i > every; i -= every) {
    digits.insert(i - every, 1, separator);
  }
  return digits;
}

std::string IntegerDigits(uint64_t magnitude, char type) {
  const unsigned base = type == 'b'                  ? 2
                        : type == 'o'                ? 8
                        : type == 'x' || type == 'X' ? 16
                                                     : 10;
  const char* digits = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string out;
  do {
    out.insert(out.begin(), digits[magnitude % base]);
    magnitude /= base;
  } while (magnitude != 0);
  return out;
}

std::string FloatDigits(double magnitude, const FormatSpec& spec) {
  const char type = spec.type == 0 || spec.type == 'n' ? 'g'
                    : spec.type == '%'                 ? 'f'
                                                       : spec.type;
  if (std::isinf(magnitude) || std::isnan(magnitude)) {
    const bool upper = type == 'F' || type == 'E' || type == 'G';
    if (std::isinf(magnitude)) return upper ? "INF" : "inf";
    return upper ? "NAN" : "nan";
  }
  if (spec.type == '%') magnitude *= 100;
  std::string format = "%";
  if (spec.alternate) format += '#';
  format += ".*";
  format += type;
  const int precision =
      spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  char buffer[1024];
  std::snprintf(buffer, sizeof(buffer), format.c_str(), precision, magnitude);
  std::string digits = buffer;
  // Without a type Python keeps a digit behind the point.
  if (spec.type == 0 && digits.find_first_of(".e") == std::string::npos) {
    digits += ".0";
  }
  return spec.type == '%' ? digits + "%" : digits;
}

std::string_view PrefixOf(const FormatSpec& spec) {
  if (!spec.alternate) return "";
  switch (spec.type) {
    case 'x':
      return "0x";
    case 'X':
      return "0X";
    case 'o':
      return "0o";
    case 'b':
      return "0b";
    default:
      return "";
  }
}

absl::Status PayForWidth(const FormatSpec& spec, Budget& budget) {
  return budget.SpendScan(static_cast<size_t>(spec.width));
}

// Digits far from the point take multiplications of big numbers.
absl::Status PayForDigits(const Value& value, const FormatSpec& spec,
                          Budget& budget) {
  constexpr int64_t kDigitsPerStep = 16;
  if (value.is_integral() && spec.precision < 0) return absl::OkStatus();
  return budget.Spend(4 +
                      std::max<int64_t>(spec.precision, 0) / kDigitsPerStep);
}

// Spaces or other fill to the left and right of `size` code points.
std::pair<std::string, std::string> Padding(const FormatSpec& spec,
                                            int64_t size, char align) {
  const int64_t missing = std::max<int64_t>(spec.width - size, 0);
  int64_t left = 0;
  if (align == '>' || align == '=') left = missing;
  if (align == '^') left = missing / 2;
  std::string fill;
  AppendUtf8(spec.fill, fill);
  auto filled = [&fill](int64_t count) {
    const auto times = static_cast<size_t>(count);
    if (fill.size() == 1) return std::string(times, fill[0]);
    std::string out;
    out.reserve(fill.size() * times);
    for (size_t i = 0; i < times; ++i) out += fill;
    return out;
  };
  return {filled(left), filled(missing - left)};
}

absl::StatusOr<std::string> DigitsOf(const Value& value,
                                     const FormatSpec& spec) {
  const bool integer_type =
      spec.type != 0 &&
      std::string_view("bdoxXnc").find(spec.type) != std::string_view::npos;
  const bool float_type =
      spec.type != 0 &&
      std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  if (spec.type != 0 && !integer_type && !float_type) {
    return Fail("Unknown format code '", std::string(1, spec.type),
                "' for object of type '", value.TypeName(), "'");
  }
  std::string digits;
  if (value.is_integral() && !float_type) {
    const int64_t number = value.int_value();
    const uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number)
                                          : static_cast<uint64_t>(number);
    if (spec.precision >= 0) {
      return Fail("Precision not allowed in integer format specifier");
    }
    digits = IntegerDigits(magnitude, spec.type);
  } else if (integer_type && spec.type != 'n') {
    return Fail("Unknown format code '", std::string(1, spec.type),
                "' for object of type 'float'");
  } else if (spec.type == 0 && spec.precision < 0) {
    digits = FloatToString(std::fabs(value.number()));
  } else {
    digits = FloatDigits(std::fabs(value.number()), spec);
  }
  if (spec.grouping != 0) {
    const bool wide = spec.type == 'x' || spec.type == 'X' ||
                      spec.type == 'b' || spec.type == 'o';
    digits = Group(std::move(digits), spec.grouping, wide ? 4 : 3);
  }
  return digits;
}

}  // namespace

absl::StatusOr<FormatSpec> ParseFormatSpec(std::string_view spec) {
  FormatSpec out;
  TakeAlign(spec, out);
  if (!spec.empty() && (spec[0] == '+' || spec[0] == '-' || spec[0] == ' ')) {
    out.sign = spec[0];
    spec.remove_prefix(1);
  }
  out.alternate = Take(spec, '#');
  if (Take(spec, '0') && out.align == 0) {
    out.fill = U'0';
    out.align = '=';
  }
  ASSIGN_OR_RETURN(out.width, TakeNumber(spec, kMaxWidth));
  if (Take(spec, ',')) out.grouping = ',';
  if (Take(spec, '_')) out.grouping = '_';
  if (Take(spec, '.')) {
    if (spec.empty() || spec[0] < '0' || spec[0] > '9') {
      return Fail("Format specifier missing precision");
    }
    ASSIGN_OR_RETURN(out.precision, TakeNumber(spec, kMaxPrecision));
  }
  if (!spec.empty()) {
    out.type = spec[0];
    spec.remove_prefix(1);
  }
  if (!spec.empty()) return Fail("Invalid format specifier");
  return out;
}

absl::StatusOr<std::string> FormatNumber(const Value& value,
                                         const FormatSpec& spec,
                                         Budget& budget) {
  RETURN_IF_ERROR(PayForWidth(spec, budget));
  RETURN_IF_ERROR(PayForDigits(value, spec, budget));
  ASSIGN_OR_RETURN(const std::string digits, DigitsOf(value, spec));
  const bool negative = value.is_integral() ? value.int_value() < 0
                                            : std::signbit(value.number());
  std::string sign;
  if (negative) {
    sign = "-";
  } else if (spec.sign != '-') {
    sign = std::string(1, spec.sign);
  }
  sign += PrefixOf(spec);
  const char align = spec.align == 0 ? '>' : spec.align;
  const auto size = static_cast<int64_t>(sign.size() + digits.size());
  auto [before, after] = Padding(spec, size, align);
  if (align == '=') return sign + before + digits;
  return before + sign + digits + after;
}

absl::StatusOr<Text> FormatText(const Text& text, const FormatSpec& spec,
                                Budget& budget) {
  if (spec.align == '=') {
    return Fail("'=' alignment not allowed in string format specifier");
  }
  if (spec.type != 0 && spec.type != 's') {
    return Fail("Unknown format code '", std::string(1, spec.type),
                "' for object of type 'str'");
  }
  RETURN_IF_ERROR(budget.SpendBytes(text.extent()));
  RETURN_IF_ERROR(PayForWidth(spec, budget));
  Text cut = text;
  if (spec.precision >= 0) {
    cut = text.Slice(0, OffsetOfCodePoint(text.bytes(),
                                          static_cast<size_t>(spec.precision)));
  }
  const char align = spec.align == 0 ? '<' : spec.align;
  auto [before, after] =
      Padding(spec, static_cast<int64_t>(CountCodePoints(cut.bytes())), align);
  Text out(std::move(before));
  out.Append(cut);
  out.Append(after, false);
  return out;
}

}  // namespace sluice::tokenizer::jinja
