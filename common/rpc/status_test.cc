#include "common/rpc/status.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace sluice {
namespace {

TEST(RpcStatus, EveryCodeKeepsItsNumberBothWays) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "sentence");
    const grpc::Status sent = ToGrpcStatus(status);
    EXPECT_EQ(static_cast<int>(sent.error_code()), code);
    EXPECT_EQ(sent.error_message(), "sentence");
    EXPECT_EQ(FromGrpcStatus(sent), status);
  }
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(RpcStatus, DetailsAreGoogleRpcOnTheWire) {
  const absl::Status status = WithRetryDelay(
      WithReason(FieldError("n", "too many", "9", "8"), "TOO_MANY"),
      2'500'000'000);
  google::rpc::Status wire;
  ASSERT_TRUE(wire.ParseFromString(ToGrpcStatus(status).error_details()));
  EXPECT_EQ(wire.code(), 3);
  EXPECT_EQ(wire.message(), "n: too many, got 9, limit 8");
  ASSERT_EQ(wire.details_size(), 3);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(wire.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "TOO_MANY");
  EXPECT_EQ(info.domain(), "sluice");
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(wire.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
  google::rpc::BadRequest bad;
  ASSERT_TRUE(wire.details(2).UnpackTo(&bad));
  EXPECT_EQ(bad.field_violations(0).field(), "n");
}

TEST(RpcStatus, DetailsSurviveTheRoundTrip) {
  const absl::Status status = WithRetryDelay(
      WithReason(absl::ResourceExhaustedError("queue: full"), kReasonQueueFull),
      kNanosPerSecond);
  EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
}

TEST(RpcStatus, ForeignDetailsAreLeftOut) {
  const grpc::Status nonsense(grpc::StatusCode::INTERNAL, "x", "\xFF\xFE!");
  EXPECT_EQ(FromGrpcStatus(nonsense), absl::InternalError("x"));
}

TEST(RpcStatus, LongMessagesAreCutBetweenCharacters) {
  std::string message(2047, 'a');
  message += "\xE4\xBD\xA0";
  EXPECT_EQ(ToGrpcStatus(absl::InternalError(message)).error_message(),
            std::string(2047, 'a'));
}

}  // namespace
}  // namespace sluice
