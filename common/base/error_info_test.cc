#include "common/base/error_info.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/status_table.h"

namespace sluice {
namespace {

TEST(ErrorInfo, FieldErrorSaysFieldWhatGotAndLimit) {
  const absl::Status status = FieldError("top_p", "out of range", "2", "(0,1]");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()),
            "top_p: out of range, got 2, limit (0,1]");
  EXPECT_EQ(FieldOf(status), "top_p");
  EXPECT_EQ(std::string(FieldError("stop", "empty").message()), "stop: empty");
}

TEST(ErrorInfo, FactsAddUpAndAreAbsentWhenNotGiven) {
  absl::Status status = absl::ResourceExhaustedError("queue: full");
  EXPECT_EQ(ReasonOf(status), std::nullopt);
  EXPECT_EQ(RetryDelayOf(status), std::nullopt);
  status = WithRetryDelay(WithReason(status, kReasonQueueFull), 1'500'000'000);
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_EQ(RetryDelayOf(status), 1'500'000'000);
  EXPECT_EQ(FieldOf(status), std::nullopt);
}

TEST(StatusTable, MapsTheCodesThatTheApiPromises) {
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kOk), 200);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kInvalidArgument), 400);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kUnauthenticated), 401);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kPermissionDenied), 403);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kResourceExhausted), 429);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kUnavailable), 503);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kDeadlineExceeded), 504);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kCancelled), 499);
}

TEST(StatusTable, EveryCodeHasItsOwnNameAndStrangeOnesAreUnknown) {
  std::set<std::string_view> names;
  for (int code = 0; code <= 16; ++code) {
    names.insert(CodeName(static_cast<absl::StatusCode>(code)));
  }
  EXPECT_EQ(names.size(), 17u);
  EXPECT_EQ(CodeName(static_cast<absl::StatusCode>(99)), "UNKNOWN");
  EXPECT_EQ(CodeName(static_cast<absl::StatusCode>(-1)), "UNKNOWN");
}

TEST(StatusTable, HttpErrorsComeBackAsErrors) {
  for (int http = 300; http < 700; ++http) {
    EXPECT_NE(CodeOfHttpStatus(http), absl::StatusCode::kOk) << http;
  }
  EXPECT_EQ(CodeOfHttpStatus(429), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(CodeOfHttpStatus(422), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice
