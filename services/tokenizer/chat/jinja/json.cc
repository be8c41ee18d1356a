#include "services/tokenizer/chat/jinja/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/print.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

// Builds values while the parser reads, so that hostile input is refused
// before it takes memory.
class ValueBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit ValueBuilder(const JsonOptions& options) : options_(options) {}

  bool null() override { return Add(Value::None()); }
  bool boolean(bool value) override { return Add(Value::Bool(value)); }
  bool number_integer(int64_t value) override { return Add(Value::Int(value)); }
  bool number_unsigned(uint64_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) {
      return Add(Value::Float(static_cast<double>(value)));
    }
    return Add(Value::Int(static_cast<int64_t>(value)));
  }
  bool number_float(double value, const std::string& text) override {
    return Add(Value::Float(value));
  }
  bool string(std::string& value) override {
    return Add(Value::String(Text(std::move(value), options_.foreign)));
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(/*object=*/true); }
  bool start_array(size_t) override { return Open(/*object=*/false); }
  bool key(std::string& name) override {
    open_.back().key = Value::String(Text(std::move(name), options_.foreign));
    return true;
  }
  bool end_object() override {
    absl::StatusOr<Value> value = open_.back().entries.Build();
    open_.pop_back();
    return AddBuilt(std::move(value));
  }
  bool end_array() override {
    absl::StatusOr<Value> value = MakeList(std::move(open_.back().items));
    open_.pop_back();
    return AddBuilt(std::move(value));
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    status_ = Fail("not JSON at byte ", position);
    return false;
  }

  absl::StatusOr<Value> Take() {
    RETURN_IF_ERROR(status_);
    return std::move(root_);
  }

 private:
  struct Container {
    bool object = false;
    Value key;
    DictBuilder entries;
    std::vector<Value> items;
  };

  bool Open(bool object) {
    if (static_cast<int>(open_.size()) >= options_.max_depth) {
      status_ = Fail("JSON nests deeper than ", options_.max_depth, " levels");
      return false;
    }
    open_.emplace_back().object = object;
    return true;
  }

  bool AddBuilt(absl::StatusOr<Value> value) {
    if (value.ok()) return Add(*std::move(value));
    status_ = value.status();
    return false;
  }

  bool Add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().object) {
      open_.back().entries.Set(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  const JsonOptions options_;
  std::vector<Container> open_;
  Value root_;
  absl::Status status_;
};

class Dumper {
 public:
  Dumper(const DumpOptions& options, Budget& budget)
      : options_(options), budget_(budget) {}

  absl::Status Dump(const Value& value, int level) {
    RETURN_IF_ERROR(PayForGrowth());
    switch (value.kind()) {
      case Kind::kString:
        return AppendString(value);
      case Kind::kList:
      case Kind::kTuple:
        return DumpItems(value.items(), level);
      case Kind::kDict:
        return DumpDict(value.dict(), level);
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        out_ += Scalar(value);
        return absl::OkStatus();
      default:
        return Fail("Object of type ", value.TypeName(),
                    " is not JSON serializable");
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

  static std::string Scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is(Kind::kBool)) return value.bool_value() ? "true" : "false";
    if (value.is(Kind::kInt)) return std::to_string(value.int_value());
    if (std::isnan(value.number())) return "NaN";
    if (std::isinf(value.number())) {
      return value.number() < 0 ? "-Infinity" : "Infinity";
    }
    return FloatToString(value.number());
  }

  void AppendUnicodeEscape(char32_t c) {
    if (c >= 0x10000) {
      AppendUnicodeEscape(0xD800 + ((c - 0x10000) >> 10));
      c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    constexpr char kDigits[] = "0123456789abcdef";
    out_ += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) {
      out_ += kDigits[(c >> shift) & 15];
    }
  }

  static bool IsPlain(char c) {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
  }

  void AppendCharacter(std::string_view bytes, char32_t c) {
    switch (c) {
      case '"':
        out_ += "\\\"";
        return;
      case '\\':
        out_ += "\\\\";
        return;
      case '\n':
        out_ += "\\n";
        return;
      case '\r':
        out_ += "\\r";
        return;
      case '\t':
        out_ += "\\t";
        return;
      case '\b':
        out_ += "\\b";
        return;
      case '\f':
        out_ += "\\f";
        return;
      default:
        break;
    }
    if (c < 0x20 || (options_.ensure_ascii && c > 0x7E)) {
      AppendUnicodeEscape(c);
    } else {
      out_ += bytes;
    }
  }

  absl::Status AppendString(const Value& value) {
    RETURN_IF_ERROR(budget_.SpendScan(value.text().size()));
    foreign_ |= value.text().any_foreign();
    const std::string_view bytes = value.bytes();
    out_ += '"';
    for (size_t i = 0; i < bytes.size();) {
      size_t plain = i;
      while (plain < bytes.size() && IsPlain(bytes[plain])) ++plain;
      out_ += bytes.substr(i, plain - i);
      i = plain;
      if (i == bytes.size()) break;
      const size_t count = CodePointBytes(bytes, i);
      AppendCharacter(bytes.substr(i, count), DecodeAt(bytes, i));
      i += count;
    }
    out_ += '"';
    return absl::OkStatus();
  }

  absl::Status NewLine(int level) {
    if (!options_.indent.has_value()) return absl::OkStatus();
    // Refused before it grows; the bytes are paid for as all others are.
    RETURN_IF_ERROR(budget_.SpendAppend(
        out_.size() + static_cast<size_t>(level) * options_.indent->size(), 0));
    out_ += '\n';
    for (int i = 0; i < level; ++i) out_ += *options_.indent;
    return absl::OkStatus();
  }

  absl::Status DumpItems(const std::vector<Value>& items, int level) {
    if (items.empty()) {
      out_ += "[]";
      return absl::OkStatus();
    }
    out_ += '[';
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_ += options_.item_separator;
      first = false;
      RETURN_IF_ERROR(NewLine(level + 1));
      RETURN_IF_ERROR(Dump(item, level + 1));
    }
    RETURN_IF_ERROR(NewLine(level));
    out_ += ']';
    return absl::OkStatus();
  }

  absl::Status AppendKey(const Value& key) {
    if (key.is_string()) return AppendString(key);
    if (!key.is_none() && !key.is_number()) {
      return Fail("keys must be str, int, float, bool or None, not ",
                  key.TypeName());
    }
    out_ += '"' + Scalar(key) + '"';
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<const DictObject::Entry*>> Ordered(
      const DictObject& dict) {
    std::vector<const DictObject::Entry*> entries;
    for (const DictObject::Entry& entry : dict.entries()) {
      entries.push_back(&entry);
    }
    if (!options_.sort_keys || entries.size() < 2) return entries;
    for (const DictObject::Entry* entry : entries) {
      if (!entry->first.is_string()) {
        return Fail("sort_keys needs keys that are strings");
      }
      // The logarithm of any size that can be paid for.
      constexpr int kComparisons = 20;
      RETURN_IF_ERROR(
          budget_.SpendItems(kComparisons * int64_t{entry->first.weight()}));
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto* a, const auto* b) {
                       return a->first.bytes() < b->first.bytes();
                     });
    return entries;
  }

  absl::Status DumpDict(const DictObject& dict, int level) {
    if (dict.size() == 0) {
      out_ += "{}";
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const auto entries, Ordered(dict));
    out_ += '{';
    bool first = true;
    for (const DictObject::Entry* entry : entries) {
      if (!first) out_ += options_.item_separator;
      first = false;
      RETURN_IF_ERROR(NewLine(level + 1));
      RETURN_IF_ERROR(AppendKey(entry->first));
      out_ += options_.key_separator;
      RETURN_IF_ERROR(Dump(entry->second, level + 1));
    }
    RETURN_IF_ERROR(NewLine(level));
    out_ += '}';
    return absl::OkStatus();
  }

  const DumpOptions& options_;
  Budget& budget_;
  std::string out_;
  size_t paid_bytes_ = 0;
  bool foreign_ = false;
};

}  // namespace

absl::StatusOr<Value> ParseJson(std::string_view text,
                                const JsonOptions& options) {
  if (!IsValidUtf8(text)) return Fail("not UTF-8");
  ValueBuilder builder(options);
  nlohmann::json::sax_parse(text, &builder);
  return builder.Take();
}

absl::StatusOr<Text> DumpJson(const Value& value, const DumpOptions& options,
                              Budget& budget) {
  Dumper dumper(options, budget);
  RETURN_IF_ERROR(dumper.Dump(value, 0));
  return dumper.Take();
}

}  // namespace sluice::tokenizer::jinja
