#include "common/base/status_table.h"

namespace sluice {
namespace {

using enum absl::StatusCode;

constexpr std::string_view kInvalid = "invalid_request_error";
constexpr std::string_view kServer = "server_error";

// Row i is code i. 499 is what proxies log for a client that went away.
constexpr StatusRow kRows[] = {
    {kOk, "OK", 200, ""},
    {kCancelled, "CANCELLED", 499, "request_cancelled"},
    {kUnknown, "UNKNOWN", 500, kServer},
    {kInvalidArgument, "INVALID_ARGUMENT", 400, kInvalid},
    {kDeadlineExceeded, "DEADLINE_EXCEEDED", 504, "timeout_error"},
    {kNotFound, "NOT_FOUND", 404, kInvalid},
    {kAlreadyExists, "ALREADY_EXISTS", 409, kInvalid},
    {kPermissionDenied, "PERMISSION_DENIED", 403, "permission_error"},
    {kResourceExhausted, "RESOURCE_EXHAUSTED", 429, "rate_limit_error"},
    {kFailedPrecondition, "FAILED_PRECONDITION", 400, kInvalid},
    {kAborted, "ABORTED", 409, kServer},
    {kOutOfRange, "OUT_OF_RANGE", 400, kInvalid},
    {kUnimplemented, "UNIMPLEMENTED", 501, kInvalid},
    {kInternal, "INTERNAL", 500, kServer},
    {kUnavailable, "UNAVAILABLE", 503, "service_unavailable_error"},
    {kDataLoss, "DATA_LOSS", 500, kServer},
    {kUnauthenticated, "UNAUTHENTICATED", 401, "authentication_error"},
};

constexpr bool EachRowIsAtItsCode() {
  for (int i = 0; i < 17; ++i) {
    if (static_cast<int>(kRows[i].code) != i) return false;
  }
  return sizeof(kRows) / sizeof(kRows[0]) == 17;
}
static_assert(EachRowIsAtItsCode());

}  // namespace

const StatusRow& StatusRowOf(absl::StatusCode code) {
  const int index = static_cast<int>(code);
  if (index < 0 || index > 16) return kRows[2];
  return kRows[index];
}

absl::StatusCode CodeOfHttpStatus(int http_status) {
  if (http_status >= 200 && http_status < 300) return kOk;
  switch (http_status) {
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kNotFound;
    case 408:
    case 504:
      return kDeadlineExceeded;
    case 409:
      return kAborted;
    case 429:
      return kResourceExhausted;
    case 499:
      return kCancelled;
    case 501:
      return kUnimplemented;
    case 502:
    case 503:
      return kUnavailable;
    default:
      break;
  }
  if (http_status >= 400 && http_status < 500) return kInvalidArgument;
  return http_status >= 500 ? kInternal : kUnknown;
}

}  // namespace sluice
