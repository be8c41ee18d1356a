#include "services/gateway/api/text_checks.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"

namespace sluice::gateway::api {
namespace {

bool HasControlBytes(const std::string& text) {
  for (const unsigned char byte : text) {
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

}  // namespace

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxBytes = 40;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const unsigned char byte : text.substr(0, kMaxBytes)) {
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += static_cast<char>(byte);
    }
  }
  return out + (text.size() > kMaxBytes ? "\"..." : "\"");
}

absl::Status CheckUtf8(std::string_view field, const std::string& text) {
  const std::optional<size_t> offset = InvalidUtf8Offset(text);
  if (!offset.has_value()) return absl::OkStatus();
  return FieldError(field,
                    absl::StrCat("is not valid UTF-8 at byte ", *offset));
}

absl::Status CheckCount(std::string_view field, size_t count, size_t limit,
                        const char* what) {
  if (count <= limit) return absl::OkStatus();
  return FieldError(field, "too many", absl::StrCat(count),
                    absl::StrCat(limit, " ", what));
}

absl::Status CheckName(const std::string& field, const std::string& name,
                       size_t max_bytes) {
  if (name.size() > max_bytes) {
    return FieldError(field, "too long", absl::StrCat(name.size(), " bytes"),
                      absl::StrCat(max_bytes));
  }
  RETURN_IF_ERROR(CheckUtf8(field, name));
  if (!HasControlBytes(name)) return absl::OkStatus();
  return FieldError(field, "has control characters", Quoted(name));
}

}  // namespace sluice::gateway::api
