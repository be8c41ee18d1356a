#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/http/http_message.h"

namespace sluice::gateway {

inline constexpr int kMaxJsonDepth = 32;

// A client's JSON, strictly: one value, whole UTF-8, no key twice in an
// object, at most kMaxJsonDepth arrays and objects around a value.
// Errors: INVALID_ARGUMENT. Threads: any (pure).
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text);

// The body of a request that must be a JSON object. `unsupported` tells a
// wrong content type (HTTP 415) from other errors.
absl::StatusOr<nlohmann::json> ParseJsonBody(const HttpRequest& request,
                                             bool& unsupported);

}  // namespace sluice::gateway
