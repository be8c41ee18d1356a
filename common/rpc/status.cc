#include "common/rpc/status.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace sluice {
namespace {

constexpr size_t kMaxMessageBytes = 2048;
constexpr char kErrorDomain[] = "sluice";

// At most kMaxMessageBytes, never ending inside a character.
std::string CutMessage(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes;
  while (end > 0 && (static_cast<uint8_t>(message[end]) & 0xC0) == 0x80) --end;
  return std::string(message.substr(0, end));
}

void AddReason(const absl::Status& status, google::rpc::Status& details) {
  const std::optional<std::string> reason = ReasonOf(status);
  if (!reason) return;
  google::rpc::ErrorInfo info;
  info.set_reason(*reason);
  info.set_domain(kErrorDomain);
  details.add_details()->PackFrom(info);
}

void AddRetryDelay(const absl::Status& status, google::rpc::Status& details) {
  const std::optional<Nanos> delay = RetryDelayOf(status);
  if (!delay) return;
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(*delay / kNanosPerSecond);
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(*delay % kNanosPerSecond));
  details.add_details()->PackFrom(info);
}

void AddField(const absl::Status& status, google::rpc::Status& details) {
  const std::optional<std::string> field = FieldOf(status);
  if (!field) return;
  google::rpc::BadRequest bad;
  google::rpc::BadRequest::FieldViolation& violation =
      *bad.add_field_violations();
  violation.set_field(*field);
  violation.set_description(details.message());
  details.add_details()->PackFrom(bad);
}

absl::Status WithDetail(absl::Status status, const google::protobuf::Any& any) {
  google::rpc::ErrorInfo reason;
  google::rpc::RetryInfo retry;
  google::rpc::BadRequest bad;
  if (any.Is<google::rpc::ErrorInfo>() && any.UnpackTo(&reason)) {
    return WithReason(std::move(status), reason.reason());
  }
  if (any.Is<google::rpc::RetryInfo>() && any.UnpackTo(&retry)) {
    return WithRetryDelay(std::move(status),
                          retry.retry_delay().seconds() * kNanosPerSecond +
                              retry.retry_delay().nanos());
  }
  if (any.Is<google::rpc::BadRequest>() && any.UnpackTo(&bad) &&
      bad.field_violations_size() > 0) {
    return WithField(std::move(status), bad.field_violations(0).field());
  }
  return status;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(CutMessage(status.message()));
  AddReason(status, details);
  AddRetryDelay(status, details);
  AddField(status, details);
  const auto code =
      static_cast<grpc::StatusCode>(StatusRowOf(status.code()).code);
  if (details.details().empty()) {
    return grpc::Status(code, details.message());
  }
  return grpc::Status(code, details.message(), details.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code =
      StatusRowOf(static_cast<absl::StatusCode>(status.error_code())).code;
  absl::Status result(code, status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& any : details.details()) {
    result = WithDetail(std::move(result), any);
  }
  return result;
}

}  // namespace sluice
