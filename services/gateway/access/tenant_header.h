#pragma once

// Whose request it is, when a proxy in front of the Gateway says so. A tenant
// is the salt of the prefix cache and the unit of fair scheduling, so a client
// must never name its own: without --tenant_header all are one tenant, and
// with it the proxy must set the header and drop what a client put there.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::gateway {

// "x-sluice-tenant": lower case, as gRPC metadata has it. Empty is fine, it
// means none. Errors: INVALID_ARGUMENT "tenant_header: what, got, limit".
absl::Status CheckTenantHeaderName(std::string_view name);

// The tenant that `values`, all of this header in one request, name.
// Errors: UNAUTHENTICATED when there is none, INVALID_ARGUMENT when there are
// several (one of them may be the client's) or it is no name: 1 to 128
// printable ASCII characters without spaces.
absl::StatusOr<std::string> TenantOf(
    std::string_view header, const std::vector<std::string_view>& values);

}  // namespace sluice::gateway
