#include "services/tokenizer/chat/jinja/print.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/host.h"
#include "services/tokenizer/chat/jinja/namespace.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

void AppendEscaped(char32_t c, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (int i = digits - 1; i >= 0; --i) out += kDigits[(c >> (4 * i)) & 15];
}

// Writes repr() of nested values, watching size and origin.
class Printer {
 public:
  explicit Printer(Budget& budget) : budget_(budget) {}

  absl::Status Print(const Value& value) {
    RETURN_IF_ERROR(PayForGrowth());
    switch (value.kind()) {
      case Kind::kList:
        return PrintItems("[", value.items(), "]");
      case Kind::kTuple:
        return PrintItems("(", value.items(),
                          value.items().size() == 1 ? ",)" : ")");
      case Kind::kDict:
        return PrintDict(value.dict());
      case Kind::kDictView:
        return PrintView(value.object_as<DictViewObject>());
      case Kind::kNamespace:
        return PrintNamespace(value.object_as<NamespaceObject>());
      case Kind::kString:
        RETURN_IF_ERROR(budget_.SpendScanClosely(value.text().size()));
        foreign_ |= value.text().any_foreign();
        if (value.string().safe) {
          out_ += "Markup(" + QuoteString(value.bytes()) + ")";
        } else {
          out_ += QuoteString(value.bytes());
        }
        return absl::OkStatus();
      default:
        out_ += PrintPlain(value);
        return absl::OkStatus();
    }
  }

  absl::StatusOr<Text> Take() {
    RETURN_IF_ERROR(PayForGrowth());
    return Text(std::move(out_), foreign_);
  }

 private:
  absl::Status PayForGrowth() {
    const size_t grown = out_.size() - std::exchange(paid_bytes_, out_.size());
    return budget_.SpendAppend(paid_bytes_, grown);
  }

  static std::string PrintPlain(const Value& value) {
    switch (value.kind()) {
      case Kind::kNone:
        return "None";
      case Kind::kBool:
        return value.bool_value() ? "True" : "False";
      case Kind::kInt:
        return std::to_string(value.int_value());
      case Kind::kFloat:
        return FloatToString(value.number());
      case Kind::kRange:
        return PrintRange(value.object_as<RangeObject>());
      case Kind::kIterator:
        return "<generator object>";
      case Kind::kHost:
        return value.host().Print();
      default:
        return "Undefined";
    }
  }

  static std::string PrintRange(const RangeObject& range) {
    std::string out = "range(" + std::to_string(range.start) + ", " +
                      std::to_string(range.stop);
    if (range.step != 1) out += ", " + std::to_string(range.step);
    return out + ")";
  }

  absl::Status PrintItems(std::string_view open,
                          const std::vector<Value>& items,
                          std::string_view close) {
    out_ += open;
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_ += ", ";
      first = false;
      RETURN_IF_ERROR(Print(item));
    }
    out_ += close;
    return absl::OkStatus();
  }

  absl::Status PrintDict(const DictObject& dict) {
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : dict.entries()) {
      if (!first) out_ += ", ";
      first = false;
      RETURN_IF_ERROR(Print(key));
      out_ += ": ";
      RETURN_IF_ERROR(Print(value));
    }
    out_ += '}';
    return absl::OkStatus();
  }

  absl::Status PrintView(const DictViewObject& view) {
    RETURN_IF_ERROR(budget_.Spend(static_cast<int64_t>(view.dict().size())));
    ASSIGN_OR_RETURN(std::vector<Value> items, view.Items());
    out_ += view.type_name();
    RETURN_IF_ERROR(PrintItems("([", items, "])"));
    return absl::OkStatus();
  }

  // A namespace may hold itself, so its depth is not bounded by construction.
  absl::Status PrintNamespace(const NamespaceObject& ns) {
    constexpr int kMaxNamespaces = 16;
    if (++namespaces_ > kMaxNamespaces) {
      return absl::ResourceExhaustedError("namespaces nest too deep to print");
    }
    out_ += "<Namespace ";
    RETURN_IF_ERROR(PrintDict(ns.attributes()));
    out_ += '>';
    --namespaces_;
    return absl::OkStatus();
  }

  Budget& budget_;
  std::string out_;
  size_t paid_bytes_ = 0;
  bool foreign_ = false;
  int namespaces_ = 0;
};

}  // namespace

std::string FloatToString(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  char buffer[64];
  const auto end = std::to_chars(
      buffer, buffer + sizeof(buffer), value,
      plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string out(buffer, end.ptr);
  if (plain && out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::string QuoteString(std::string_view bytes) {
  const bool has_single = bytes.find('\'') != std::string_view::npos;
  const bool has_double = bytes.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < bytes.size();) {
    const char32_t c = DecodeAt(bytes, i);
    const size_t count = CodePointBytes(bytes, i);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (IsPrintable(c)) {
      out += bytes.substr(i, count);
    } else {
      AppendEscaped(c, out);
    }
    i += count;
  }
  return out + quote;
}

absl::StatusOr<Text> Repr(const Value& value, Budget& budget) {
  Printer printer(budget);
  RETURN_IF_ERROR(printer.Print(value));
  return printer.Take();
}

absl::StatusOr<Value> ToText(const Value& value, Budget& budget) {
  if (value.is_string()) return value;
  if (value.is_undefined()) return Value::Literal("");
  ASSIGN_OR_RETURN(Text text, Repr(value, budget));
  return Value::String(std::move(text));
}

}  // namespace sluice::tokenizer::jinja
