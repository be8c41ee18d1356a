#include "services/gateway/clients/connection_error.h"

#include "common/base/error_info.h"

namespace sluice::gateway {

absl::Status WithoutConnectionDetails(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError("request: ran into its deadline");
  }
  if (!absl::IsUnavailable(status) || ReasonOf(status).has_value()) {
    return status;
  }
  return absl::UnavailableError("the connection to it is lost");
}

}  // namespace sluice::gateway
