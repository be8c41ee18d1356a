#include "services/tokenizer/chat/jinja/format.h"

#include <cmath>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/access.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/escape.h"
#include "services/tokenizer/chat/jinja/format_spec.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/paid_text.h"
#include "services/tokenizer/chat/jinja/print.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

// Walks a % format: text between conversions and the conversions themselves.
class PercentFormatter {
 public:
  PercentFormatter(const Value& format, const Value& values, Budget& budget)
      : format_(format),
        source_(format.bytes()),
        values_(values),
        budget_(budget) {}

  absl::StatusOr<Value> Run() {
    PaidText out(budget_);
    while (at_ < source_.size()) {
      const size_t percent = source_.find('%', at_);
      const size_t end =
          percent == std::string_view::npos ? source_.size() : percent;
      RETURN_IF_ERROR(out.AppendRange(format_.text(), at_, end));
      at_ = end;
      if (at_ == source_.size()) break;
      ++at_;
      RETURN_IF_ERROR(budget_.Spend(1));
      ASSIGN_OR_RETURN(const Text converted, Convert());
      RETURN_IF_ERROR(out.Append(converted));
    }
    const size_t given = values_.is(Kind::kTuple) ? values_.items().size()
                         : values_.is(Kind::kDict) || values_.is_sequence()
                             ? used_
                             : 1;
    if (used_ < given) {
      return Fail("not all arguments converted during string formatting");
    }
    return Value::String(out.Take(), format_.string().safe);
  }

 private:
  absl::StatusOr<Value> NextValue() {
    if (!values_.is(Kind::kTuple)) {
      if (used_++ == 0) return values_;
    } else if (used_ < values_.items().size()) {
      return values_.items()[used_++];
    }
    return Fail("not enough arguments for format string");
  }

  absl::StatusOr<Value> NamedValue() {
    const size_t close = source_.find(')', at_);
    if (close == std::string_view::npos) return Fail("incomplete format key");
    if (!values_.is(Kind::kDict)) return Fail("format requires a mapping");
    const std::string_view key = source_.substr(at_ + 1, close - at_ - 1);
    RETURN_IF_ERROR(budget_.SpendScan(key.size()));
    at_ = close + 1;
    const Value* found = values_.dict().Find(key);
    if (found == nullptr) return Fail("KeyError: '", Clip(key), "'");
    return *found;
  }

  // Flags, width and precision, in Python's order.
  absl::StatusOr<FormatSpec> TakeSpec() {
    std::string text;
    bool left = false;
    bool zero = false;
    std::string sign;
    for (; at_ < source_.size(); ++at_) {
      const char c = source_[at_];
      if (c == '-') {
        left = true;
      } else if (c == '0') {
        zero = true;
      } else if (c == '+' || (c == ' ' && sign.empty())) {
        sign = std::string(1, c);
      } else if (c == '#') {
        text = "#";
      } else {
        break;
      }
    }
    std::string full = left ? "<" : ">";
    full += sign + text + (zero && !left ? "0" : "");
    const size_t end = source_.find_first_not_of("0123456789.", at_);
    if (end == std::string_view::npos) return Fail("incomplete format");
    full += source_.substr(at_, end - at_);
    at_ = end;
    ASSIGN_OR_RETURN(FormatSpec spec, ParseFormatSpec(full));
    if (zero && !left) {
      spec.fill = U'0';
      spec.align = '=';
    }
    return spec;
  }

  absl::StatusOr<Text> Convert() {
    if (at_ < source_.size() && source_[at_] == '%') {
      ++at_;
      return Text("%");
    }
    const bool named = at_ < source_.size() && source_[at_] == '(';
    Value value;
    if (named) {
      ASSIGN_OR_RETURN(value, NamedValue());
    }
    ASSIGN_OR_RETURN(FormatSpec spec, TakeSpec());
    if (at_ >= source_.size()) return Fail("incomplete format");
    const char type = source_[at_++];
    if (!named) {
      ASSIGN_OR_RETURN(value, NextValue());
    }
    return ConvertAs(type, value, spec);
  }

  absl::StatusOr<Text> TextFor(char type, const Value& value) {
    if (type != 's') {
      ASSIGN_OR_RETURN(Text text, Repr(value, budget_));
      if (format_.string().safe) return EscapeHtml(text, budget_);
      return text;
    }
    ASSIGN_OR_RETURN(const Value text, ToText(value, budget_));
    if (format_.string().safe) return EscapeHtml(text, budget_);
    RETURN_IF_ERROR(budget_.SpendBytes(text.text().extent()));
    return text.text();
  }

  absl::StatusOr<Text> ConvertAs(char type, const Value& value,
                                 FormatSpec& spec) {
    if (type == 's' || type == 'r' || type == 'a') {
      ASSIGN_OR_RETURN(const Text text, TextFor(type, value));
      if (spec.align == '=') spec.align = '>';
      if (spec.fill == U'0') spec.fill = U' ';
      return FormatText(text, spec, budget_);
    }
    if (value.is_undefined()) return Fail(value.undefined_message());
    if (type == 'c') return Character(value, spec);
    if (!value.is_number()) {
      return Fail("%", std::string(1, type),
                  " format: a real number is required, not ", value.TypeName());
    }
    spec.type = type == 'i' || type == 'u' ? 'd' : type;
    const bool integer =
        spec.type == 'd' || type == 'x' || type == 'X' || type == 'o';
    Value number = value;
    if (integer && value.is(Kind::kFloat)) {
      if (spec.type != 'd') {
        return Fail("%", std::string(1, type),
                    " format: an integer is required, not float");
      }
      if (!(std::fabs(value.number()) < 9.2e18)) {
        return Fail("%d format: the number does not fit in 64 bits");
      }
      number = Value::Int(static_cast<int64_t>(value.number()));
    }
    if (integer) spec.precision = -1;
    ASSIGN_OR_RETURN(std::string text, FormatNumber(number, spec, budget_));
    return Text(std::move(text));
  }

  absl::StatusOr<Text> Character(const Value& value, FormatSpec& spec) {
    if (spec.align == '=') spec.align = '>';
    spec.precision = -1;
    if (value.is_string() && CountCodePoints(value.bytes()) == 1) {
      return FormatText(value.text(), spec, budget_);
    }
    const int64_t c = value.is_integral() ? value.int_value() : -1;
    if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
      return Fail("%c requires int or char");
    }
    std::string bytes;
    AppendUtf8(static_cast<char32_t>(c), bytes);
    return FormatText(Text(std::move(bytes)), spec, budget_);
  }

  const Value& format_;
  const std::string_view source_;
  const Value& values_;
  Budget& budget_;
  size_t at_ = 0;
  size_t used_ = 0;
};

// Walks a str.format template.
class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Value& format,
                 const Arguments& arguments)
      : interpreter_(interpreter),
        budget_(interpreter.budget()),
        format_(format),
        source_(format.bytes()),
        arguments_(arguments) {}

  absl::StatusOr<Value> Run() {
    RETURN_IF_ERROR(budget_.SpendScan(source_.size()));
    PaidText out(budget_);
    while (at_ < source_.size()) {
      const size_t brace = source_.find_first_of("{}", at_);
      const size_t end =
          brace == std::string_view::npos ? source_.size() : brace;
      RETURN_IF_ERROR(out.AppendRange(format_.text(), at_, end));
      at_ = end;
      if (at_ == source_.size()) break;
      if (at_ + 1 < source_.size() && source_[at_ + 1] == source_[at_]) {
        RETURN_IF_ERROR(out.AppendRange(format_.text(), at_, at_ + 1));
        at_ += 2;
        continue;
      }
      if (source_[at_] == '}') {
        return Fail("Single '}' encountered in format string");
      }
      RETURN_IF_ERROR(budget_.Spend(1));
      ASSIGN_OR_RETURN(const Text field, Field());
      RETURN_IF_ERROR(out.Append(field));
    }
    return Value::String(out.Take(), format_.string().safe);
  }

 private:
  absl::StatusOr<Text> Field() {
    const size_t close = source_.find('}', at_);
    if (close == std::string_view::npos) {
      return Fail("expected '}' before end of string");
    }
    std::string_view field = source_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    std::string_view spec;
    if (const size_t colon = field.find(':'); colon != std::string_view::npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    char conversion = 0;
    if (const size_t mark = field.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != field.size()) return Fail("bad format conversion");
      conversion = field[mark + 1];
      field = field.substr(0, mark);
    }
    ASSIGN_OR_RETURN(const Value value, Lookup(field));
    return Convert(value, conversion, spec);
  }

  absl::StatusOr<Text> Convert(const Value& value, char conversion,
                               std::string_view spec_text) {
    ASSIGN_OR_RETURN(const FormatSpec spec, ParseFormatSpec(spec_text));
    if (value.is_number() && conversion == 0 &&
        !(value.is(Kind::kBool) && spec.type == 0)) {
      ASSIGN_OR_RETURN(std::string text, FormatNumber(value, spec, budget_));
      return Text(std::move(text));
    }
    if (conversion == 'r') {
      ASSIGN_OR_RETURN(const Text text, Repr(value, budget_));
      return FormatText(text, spec, budget_);
    }
    ASSIGN_OR_RETURN(const Value text, ToText(value, budget_));
    return FormatText(text.text(), spec, budget_);
  }

  absl::StatusOr<Value> Lookup(std::string_view field) {
    const size_t end = std::min(field.find_first_of(".["), field.size());
    ASSIGN_OR_RETURN(Value value, First(field.substr(0, end)));
    field.remove_prefix(end);
    while (!field.empty()) {
      RETURN_IF_ERROR(budget_.Spend(1));
      const bool item = field[0] == '[';
      const size_t stop = item ? field.find(']') : field.find_first_of(".[", 1);
      if (item && stop == std::string_view::npos) {
        return Fail("Missing ']' in format string");
      }
      const std::string_view name =
          field.substr(1, std::min(stop, field.size()) - 1);
      ASSIGN_OR_RETURN(value, Step(value, name, item));
      field.remove_prefix(std::min(item ? stop + 1 : stop, field.size()));
    }
    return value;
  }

  absl::StatusOr<Value> Step(const Value& value, std::string_view name,
                             bool item) {
    if (!item) {
      return GetAttribute(interpreter_, value,
                          Value::Literal(std::string(name)));
    }
    const bool digits =
        !name.empty() && name.size() < 10 &&
        name.find_first_not_of("0123456789") == std::string_view::npos;
    return GetItem(interpreter_, value,
                   digits ? Value::Int(std::stoll(std::string(name)))
                          : Value::Literal(std::string(name)));
  }

  absl::StatusOr<Value> First(std::string_view name) {
    if (name.find_first_not_of("0123456789") == std::string_view::npos) {
      if (name.size() > 9) return Fail("Too many decimal digits in format");
      const size_t index =
          name.empty() ? next_++ : std::stoul(std::string(name));
      if (index >= arguments_.positional.size()) {
        return Fail("Replacement index ", index,
                    " out of range for positional args tuple");
      }
      return arguments_.positional[index];
    }
    RETURN_IF_ERROR(
        budget_.SpendItems(static_cast<int64_t>(arguments_.named.size())));
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    return Fail("KeyError: '", Clip(name), "'");
  }

  Interpreter& interpreter_;
  Budget& budget_;
  const Value& format_;
  const std::string_view source_;
  const Arguments& arguments_;
  size_t at_ = 0;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<Value> FormatPercent(const Value& format, const Value& values,
                                    Budget& budget) {
  return PercentFormatter(format, values, budget).Run();
}

absl::StatusOr<Value> FormatBraces(Interpreter& interpreter,
                                   const Value& format,
                                   const Arguments& arguments) {
  return BraceFormatter(interpreter, format, arguments).Run();
}

}  // namespace sluice::tokenizer::jinja
