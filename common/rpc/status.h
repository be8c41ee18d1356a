#pragma once

// absl::Status <-> grpc::Status. Codes have the same numbers on both sides;
// reason, retry delay and field (common/base/error_info.h) travel as
// google.rpc ErrorInfo, RetryInfo and BadRequest. Threads: any.

#include "absl/status/status.h"
#include "common/base/error_info.h"
#include "common/base/status_table.h"
#include "grpcpp/support/status.h"

namespace sluice {

// Limits: the message is cut at 2 KiB, so that it passes the 8 KiB of metadata
// that our servers and channels accept.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Details that are not ours or do not parse are left out.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace sluice
