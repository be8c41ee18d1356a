#include "common/modelfiles/json.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/directory.h"
#include "simdjson.h"

namespace sluice {
namespace {

namespace dom = simdjson::dom;
using Raw = std::array<uint64_t, 2>;
static_assert(sizeof(Raw) == sizeof(dom::element) &&
              std::is_trivially_copyable_v<dom::element>);

constexpr size_t kMaxQuoted = 40;  // bytes of a value shown in a message

dom::element ToElement(const Raw& raw) {
  return std::bit_cast<dom::element>(raw);
}

Raw ToRaw(dom::element element) { return std::bit_cast<Raw>(element); }

// By value: the parser's accessors return references into temporaries.
dom::array ToArray(dom::element element) {
  return element.get_array().value_unsafe();
}
dom::object ToObject(dom::element element) {
  return element.get_object().value_unsafe();
}

absl::string_view View(std::string_view s) { return {s.data(), s.size()}; }

absl::Status FileError(std::string_view file, std::string_view path,
                       std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      View(file), ": ", View(path), path.empty() ? "" : ": ", View(what)));
}

std::string MemberPath(std::string_view parent, std::string_view key) {
  if (parent.empty()) return std::string(key.substr(0, kMaxQuoted));
  return absl::StrCat(View(parent), ".", View(key.substr(0, kMaxQuoted)));
}

// Says what a value is: "the string \"abc\"", "3", "an array".
std::string Describe(dom::element element) {
  switch (element.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING: {
      std::string_view text = element.get_string().value_unsafe();
      if (text.size() <= kMaxQuoted)
        return absl::StrCat("\"", View(text), "\"");
      return absl::StrCat("a string of ", text.size(), " bytes");
    }
    default:
      return simdjson::minify(element);
  }
}

std::string Reason(simdjson::error_code code, const JsonLimits& limits) {
  switch (code) {
    case simdjson::DEPTH_ERROR:
      return absl::StrCat("nested too deeply, limit ", limits.max_depth);
    case simdjson::EMPTY:
      return "not JSON: the text is empty";
    case simdjson::UTF8_ERROR:
      return "not JSON: the text is not UTF-8";
    case simdjson::MEMALLOC:
      return "no memory to parse it";
    default:
      return absl::StrCat("not JSON: ", simdjson::error_message(code));
  }
}

// Twice the same key makes readers disagree on what a file says.
absl::Status RefuseDuplicateKeys(std::string_view file, dom::element element,
                                 const std::string& path) {
  if (element.is_array()) {
    size_t index = 0;
    for (dom::element child : ToArray(element)) {
      if (child.is_array() || child.is_object()) {
        RETURN_IF_ERROR(RefuseDuplicateKeys(
            file, child, absl::StrCat(path, "[", index, "]")));
      }
      ++index;
    }
    return absl::OkStatus();
  }
  if (!element.is_object()) return absl::OkStatus();
  dom::object object = ToObject(element);
  absl::flat_hash_set<std::string_view> seen;
  seen.reserve(object.size());
  for (dom::key_value_pair member : object) {
    if (!seen.insert(member.key).second) {
      return FileError(file, MemberPath(path, member.key),
                       "the key is there twice");
    }
    if (member.value.is_array() || member.value.is_object()) {
      RETURN_IF_ERROR(RefuseDuplicateKeys(file, member.value,
                                          MemberPath(path, member.key)));
    }
  }
  return absl::OkStatus();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Published files hold whole numbers past 64 bits (model_max_length 1e30 in
// digits), which the parser refuses: such digits get ".0" and become doubles.
std::string WithLongNumbersAsDoubles(std::string_view text) {
  constexpr size_t kMaxDigits = 18;
  std::string out;
  out.reserve(text.size() + 16);
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string) {
      const size_t step = c == '\\' && i + 1 < text.size() ? 2 : 1;
      in_string = c != '"';
      out.append(text.substr(i, step));
      i += step;
    } else if (IsDigit(c)) {
      size_t end = i;
      while (end < text.size() && IsDigit(text[end])) ++end;
      const bool whole =
          (end == text.size() ||
           (text[end] != '.' && text[end] != 'e' && text[end] != 'E')) &&
          (i == 0 || (text[i - 1] != '.' && text[i - 1] != '+' &&
                      text[i - 1] != 'e' && text[i - 1] != 'E'));
      out.append(text.substr(i, end - i));
      if (whole && end - i > kMaxDigits) out.append(".0");
      i = end;
    } else {
      in_string = c == '"';
      out.push_back(c);
      ++i;
    }
  }
  return out;
}

simdjson::error_code ParseText(std::string_view text, const JsonLimits& limits,
                               dom::document& document, dom::element& root) {
  dom::parser parser(text.size() + simdjson::SIMDJSON_PADDING);
  simdjson::error_code code =
      parser.allocate(std::max<size_t>(text.size(), 64), limits.max_depth);
  if (code != simdjson::SUCCESS) return code;
  simdjson::padded_string padded(text.data(), text.size());
  return parser.parse_into_document(document, padded).get(root);
}

}  // namespace

struct JsonDocument::Parsed {
  std::string file;
  dom::document document;
  Raw root{};
};

JsonDocument::JsonDocument(std::unique_ptr<Parsed> parsed)
    : parsed_(std::move(parsed)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

absl::StatusOr<JsonDocument> JsonDocument::Parse(std::string_view text,
                                                 std::string file,
                                                 const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return FileError(file, "",
                     absl::StrCat("too long, got ", text.size(),
                                  " bytes, limit ", limits.max_bytes));
  }
  auto parsed = std::make_unique<Parsed>();
  parsed->file = std::move(file);
  dom::element root;
  simdjson::error_code code = ParseText(text, limits, parsed->document, root);
  if (code == simdjson::NUMBER_ERROR) {
    code = ParseText(WithLongNumbersAsDoubles(text), limits, parsed->document,
                     root);
  }
  if (code != simdjson::SUCCESS) {
    return FileError(parsed->file, "", Reason(code, limits));
  }
  RETURN_IF_ERROR(RefuseDuplicateKeys(parsed->file, root, ""));
  parsed->root = ToRaw(root);
  return JsonDocument(std::move(parsed));
}

absl::StatusOr<JsonDocument> JsonDocument::ReadFile(const std::string& path,
                                                    const JsonLimits& limits) {
  ASSIGN_OR_RETURN(std::string text, ReadWholeFile(path, limits.max_bytes));
  return Parse(text, FileName(path), limits);
}

JsonValue JsonDocument::root() const {
  return JsonValue(&parsed_->file, parsed_->root, "");
}

JsonKind JsonValue::kind() const {
  switch (ToElement(element_).type()) {
    case dom::element_type::ARRAY:
      return JsonKind::kArray;
    case dom::element_type::OBJECT:
      return JsonKind::kObject;
    case dom::element_type::INT64:
      return JsonKind::kInt;
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      return JsonKind::kDouble;
    case dom::element_type::STRING:
      return JsonKind::kString;
    case dom::element_type::BOOL:
      return JsonKind::kBool;
    case dom::element_type::NULL_VALUE:
      return JsonKind::kNull;
  }
  return JsonKind::kNull;
}

absl::Status JsonValue::Error(std::string_view what) const {
  return FileError(*file_, path_, what);
}

absl::Status JsonValue::WrongKind(std::string_view wanted) const {
  return Error(absl::StrCat("must be ", View(wanted), ", got ",
                            Describe(ToElement(element_))));
}

JsonValue JsonValue::Child(Element element, std::string_view key) const {
  return JsonValue(file_, element, MemberPath(path_, key));
}

absl::StatusOr<bool> JsonValue::AsBool() const {
  bool value = false;
  if (ToElement(element_).get_bool().get(value) != simdjson::SUCCESS) {
    return WrongKind("true or false");
  }
  return value;
}

absl::StatusOr<int64_t> JsonValue::AsInt(int64_t min, int64_t max) const {
  const dom::element element = ToElement(element_);
  int64_t value = 0;
  const bool whole = element.is_int64();
  if (whole) value = element.get_int64().value_unsafe();
  if (!whole && !element.is_uint64()) return WrongKind("a whole number");
  if (!whole || value < min || value > max) {
    return Error(absl::StrCat("out of range, got ", Describe(element),
                              ", limit ", min, " to ", max));
  }
  return value;
}

absl::StatusOr<double> JsonValue::AsDouble() const {
  double value = 0;
  if (ToElement(element_).get_double().get(value) != simdjson::SUCCESS) {
    return WrongKind("a number");
  }
  return value;
}

absl::StatusOr<std::string_view> JsonValue::AsString() const {
  std::string_view value;
  if (ToElement(element_).get_string().get(value) != simdjson::SUCCESS) {
    return WrongKind("a string");
  }
  return value;
}

absl::StatusOr<std::vector<int64_t>> JsonValue::AsInts(int64_t min,
                                                       int64_t max) const {
  std::vector<int64_t> values;
  RETURN_IF_ERROR(ForEachElement([&](const JsonValue& element) {
    ASSIGN_OR_RETURN(int64_t value, element.AsInt(min, max));
    values.push_back(value);
    return absl::OkStatus();
  }));
  return values;
}

absl::StatusOr<size_t> JsonValue::Size() const {
  const dom::element element = ToElement(element_);
  if (element.is_object()) return ToObject(element).size();
  if (element.is_array()) return ToArray(element).size();
  return WrongKind("an object or an array");
}

absl::Status JsonValue::ForEachElement(
    absl::FunctionRef<absl::Status(const JsonValue&)> visit) const {
  if (!IsArray()) return WrongKind("an array");
  size_t index = 0;
  for (dom::element child : ToArray(ToElement(element_))) {
    JsonValue value(file_, ToRaw(child), absl::StrCat(path_, "[", index, "]"));
    RETURN_IF_ERROR(visit(value));
    ++index;
  }
  return absl::OkStatus();
}

absl::Status JsonValue::ForEachMember(
    absl::FunctionRef<absl::Status(std::string_view key, const JsonValue&)>
        visit) const {
  if (!IsObject()) return WrongKind("an object");
  for (dom::key_value_pair member : ToObject(ToElement(element_))) {
    RETURN_IF_ERROR(visit(member.key, Child(ToRaw(member.value), member.key)));
  }
  return absl::OkStatus();
}

std::optional<JsonValue> JsonValue::Find(std::string_view key) const {
  if (!IsObject()) return std::nullopt;
  dom::element found;
  dom::object object = ToObject(ToElement(element_));
  if (object.at_key(key).get(found) != simdjson::SUCCESS) return std::nullopt;
  if (found.is_null()) return std::nullopt;
  return Child(ToRaw(found), key);
}

absl::StatusOr<JsonValue> JsonValue::Get(std::string_view key) const {
  if (!IsObject()) return WrongKind("an object");
  std::optional<JsonValue> found = Find(key);
  if (!found.has_value()) {
    return FileError(*file_, MemberPath(path_, key), "missing");
  }
  return *std::move(found);
}

absl::StatusOr<bool> JsonValue::GetBool(std::string_view key) const {
  ASSIGN_OR_RETURN(JsonValue value, Get(key));
  return value.AsBool();
}

absl::StatusOr<int64_t> JsonValue::GetInt(std::string_view key, int64_t min,
                                          int64_t max) const {
  ASSIGN_OR_RETURN(JsonValue value, Get(key));
  return value.AsInt(min, max);
}

absl::StatusOr<double> JsonValue::GetDouble(std::string_view key) const {
  ASSIGN_OR_RETURN(JsonValue value, Get(key));
  return value.AsDouble();
}

absl::StatusOr<std::string_view> JsonValue::GetString(
    std::string_view key) const {
  ASSIGN_OR_RETURN(JsonValue value, Get(key));
  return value.AsString();
}

absl::StatusOr<bool> JsonValue::GetBoolOr(std::string_view key,
                                          bool otherwise) const {
  std::optional<JsonValue> value = Find(key);
  return value.has_value() ? value->AsBool() : otherwise;
}

absl::StatusOr<int64_t> JsonValue::GetIntOr(std::string_view key,
                                            int64_t otherwise, int64_t min,
                                            int64_t max) const {
  std::optional<JsonValue> value = Find(key);
  return value.has_value() ? value->AsInt(min, max) : otherwise;
}

absl::StatusOr<double> JsonValue::GetDoubleOr(std::string_view key,
                                              double otherwise) const {
  std::optional<JsonValue> value = Find(key);
  return value.has_value() ? value->AsDouble() : otherwise;
}

absl::StatusOr<std::string_view> JsonValue::GetStringOr(
    std::string_view key, std::string_view otherwise) const {
  std::optional<JsonValue> value = Find(key);
  return value.has_value() ? value->AsString() : otherwise;
}

}  // namespace sluice
