#include "services/gateway/pipeline/backend_status.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "common/base/error_info.h"

namespace sluice::gateway {
namespace {

// The same facts under another code.
absl::Status Recoded(absl::StatusCode code, std::string_view service,
                     const absl::Status& status) {
  std::string message(service);
  message.append(": ").append(std::string(status.message()));
  absl::Status recoded(code, message);
  status.ForEachPayload(
      [&recoded](absl::string_view url, const absl::Cord& payload) {
        recoded.SetPayload(url, payload);
      });
  return recoded;
}

}  // namespace

absl::Status FromBackend(std::string_view service, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kDeadlineExceeded:
      return status;
    case absl::StatusCode::kFailedPrecondition:
      // The Tokenizer's says that the model has no chat template; the
      // Generator's that it now serves another vocabulary.
      if (service == "tokenizer") return status;
      return Recoded(absl::StatusCode::kUnavailable, service, status);
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnavailable:
      return Recoded(absl::StatusCode::kUnavailable, service, status);
    default:
      return Recoded(absl::StatusCode::kInternal, service, status);
  }
}

absl::Status TellWhenToRetry(absl::Status status, Nanos delay) {
  const bool worth_it =
      absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
  if (!worth_it || RetryDelayOf(status).has_value()) return status;
  return WithRetryDelay(std::move(status), delay);
}

}  // namespace sluice::gateway
