#pragma once

// The one table between absl::StatusCode, gRPC (same numbers, same names) and
// HTTP. Threads: any.

#include <string_view>

#include "absl/status/status.h"

namespace sluice {

struct StatusRow {
  absl::StatusCode code;
  std::string_view name;         // "INVALID_ARGUMENT", as gRPC spells it
  int http_status;               // 400
  std::string_view openai_type;  // "invalid_request_error"
};

// UNKNOWN's row for a code outside 0..16.
const StatusRow& StatusRowOf(absl::StatusCode code);

inline int HttpStatusOf(absl::StatusCode code) {
  return StatusRowOf(code).http_status;
}
inline std::string_view CodeName(absl::StatusCode code) {
  return StatusRowOf(code).name;
}

// The nearest code for an HTTP status met as a client.
absl::StatusCode CodeOfHttpStatus(int http_status);

}  // namespace sluice
