#include "services/gateway/access/tenant_header.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "services/gateway/api/validator.h"

namespace sluice::gateway {
namespace {

constexpr size_t kMaxHeaderBytes = 64;
constexpr size_t kMaxTenantBytes = 128;

bool IsHeaderChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool IsTenantChar(char c) { return c > ' ' && c <= '~'; }

}  // namespace

absl::Status CheckTenantHeaderName(std::string_view name) {
  const bool good = name.size() <= kMaxHeaderBytes &&
                    std::all_of(name.begin(), name.end(), IsHeaderChar) &&
                    !name.starts_with("grpc-") && !name.ends_with("-bin");
  if (good) return absl::OkStatus();
  return FieldError("tenant_header", "is no header name", api::Quoted(name),
                    "up to 64 of a-z, 0-9 and -, not grpc-* nor *-bin");
}

absl::StatusOr<std::string> TenantOf(
    std::string_view header, const std::vector<std::string_view>& values) {
  if (values.empty()) {
    return WithReason(absl::UnauthenticatedError(
                          std::string(header) +
                          ": missing, the proxy before the Gateway sets it"),
                      "TENANT_MISSING");
  }
  if (values.size() > 1) {
    return FieldError(header, "is given more than once",
                      absl::StrCat(values.size(), " times"), "once");
  }
  const std::string_view tenant = values[0];
  const bool good = !tenant.empty() && tenant.size() <= kMaxTenantBytes &&
                    std::all_of(tenant.begin(), tenant.end(), IsTenantChar);
  if (good) return std::string(tenant);
  return FieldError(header, "is no tenant", api::Quoted(tenant),
                    "1 to 128 printable ASCII characters, no space");
}

}  // namespace sluice::gateway
