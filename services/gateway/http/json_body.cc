#include "services/gateway/http/json_body.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/utf8.h"
#include "services/gateway/api/validator.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

// Builds the value as the parser goes, so that limits hold before anything
// deep or doubled exists.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return Add(value);
  }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t& value) override { return Add(nullptr); }
  bool start_object(size_t) override { return Open(Json::object()); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      error_ = FieldError("body", "has a key twice", api::Quoted(name),
                          "each key once");
      return false;
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string& last_token,
                   const Json::exception& exception) override {
    constexpr int kNumberOverflow = 406;  // of nlohmann::json
    error_ = FieldError("body",
                        absl::StrCat(exception.id == kNumberOverflow
                                         ? "has a number out of range at byte "
                                         : "is not valid JSON at byte ",
                                     position));
    return false;
  }

  absl::StatusOr<Json> Take() {
    if (!error_.ok()) return error_;
    return std::move(root_);
  }

 private:
  // Where the next value goes.
  Json* Place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& member = parent[key_];
    member = std::move(value);
    return &member;
  }
  bool Add(Json value) {
    Place(std::move(value));
    return true;
  }
  bool Open(Json container) {
    if (open_.size() >= static_cast<size_t>(kMaxJsonDepth)) {
      error_ = FieldError("body", "is nested too deeply",
                          absl::StrCat(open_.size() + 1),
                          absl::StrCat(kMaxJsonDepth));
      return false;
    }
    open_.push_back(Place(std::move(container)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  // The containers around the parser. A container grows only while it is the
  // innermost, so the pointers to those around it stay good.
  std::vector<Json*> open_;
  std::string key_;
  absl::Status error_;
};

bool IsJsonType(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(absl::string_view(
             type.data(), type.size()))) == "application/json";
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text) {
  if (const auto offset = InvalidUtf8Offset(text)) {
    return FieldError("body",
                      absl::StrCat("is not valid UTF-8 at byte ", *offset));
  }
  Builder builder;
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.Take();
}

absl::StatusOr<Json> ParseJsonBody(const HttpRequest& request,
                                   bool& unsupported) {
  const std::string_view type = request.header("content-type").value_or("");
  unsupported = !IsJsonType(type);
  if (unsupported) {
    return FieldError("content-type", "is not JSON", api::Quoted(type),
                      "application/json");
  }
  absl::StatusOr<Json> body = ParseJson(request.body);
  if (body.ok() && !body->is_object()) {
    return FieldError("body", "is not a JSON object");
  }
  return body;
}

}  // namespace sluice::gateway
