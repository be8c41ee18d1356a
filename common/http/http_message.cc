#include "common/http/http_message.h"

#include "absl/strings/match.h"

namespace sluice {

std::optional<std::string_view> HttpRequest::header(
    std::string_view name) const {
  const absl::string_view wanted(name.data(), name.size());
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, wanted)) return value;
  }
  return std::nullopt;
}

}  // namespace sluice
