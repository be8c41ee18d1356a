#include "services/gateway/metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::gateway {
namespace {

class MetricsTest : public testing::Test {
 protected:
  bool Has(const std::string& line) {
    return metrics_.Serialize().find(line + "\n") != std::string::npos;
  }
  static RequestRecord Finished() {
    RequestRecord record;
    record.route = "/chat";
    record.request_id = "id";
    record.model = "tiny";
    record.finish_reason = "eos";
    record.admitted = true;
    record.prompt_tokens = 10;
    record.cached_tokens = 4;
    record.generated_tokens = 3;
    return record;
  }

  Metrics metrics_;
  GatewayMetrics declared_{metrics_};
  std::vector<std::string> lines_;
  Logger log_{"gateway", LogLevel::kInfo,
              [this](std::string_view line) { lines_.emplace_back(line); }};
  RequestTelemetry telemetry_{declared_, log_};
};

TEST_F(MetricsTest, FinishedRequestIsCountedOnceAndLeavesNothingInFlight) {
  telemetry_.OnAdmitted();
  EXPECT_TRUE(Has("sluice_requests_in_flight 1"));
  telemetry_.OnFirstToken(kNanosPerMilli);
  telemetry_.OnTokenGap(kNanosPerMilli);
  telemetry_.OnStageEnd(Stage::kTokenize, kNanosPerMilli);
  telemetry_.OnEnd(Finished());
  EXPECT_TRUE(Has("sluice_requests_in_flight 0"));
  EXPECT_TRUE(Has("sluice_requests_total{code=\"OK\",route=\"/chat\"} 1") ||
              Has("sluice_requests_total{route=\"/chat\",code=\"OK\"} 1"));
  EXPECT_TRUE(Has("sluice_prompt_tokens_total{source=\"cached\"} 4"));
  EXPECT_TRUE(Has("sluice_prompt_tokens_total{source=\"computed\"} 6"));
  EXPECT_TRUE(Has("sluice_generated_tokens_total 3"));
  EXPECT_TRUE(Has("sluice_time_to_first_token_seconds_count 1"));
  EXPECT_TRUE(Has("sluice_inter_token_seconds_count 1"));
  EXPECT_TRUE(Has("sluice_stage_seconds_count{stage=\"tokenize\"} 1"));
}

TEST_F(MetricsTest, RefusalIsCountedAsOneAndTouchesNoGauge) {
  RequestRecord record;
  record.route = "/chat";
  record.code = absl::StatusCode::kInvalidArgument;
  telemetry_.OnEnd(record);
  EXPECT_TRUE(Has("sluice_requests_in_flight 0"));
  EXPECT_TRUE(
      Has("sluice_requests_rejected_total{reason=\"INVALID_ARGUMENT\"} 1"));
}

TEST_F(MetricsTest, CancelIsCountedByTheStageItMet) {
  telemetry_.OnAdmitted();
  RequestRecord record = Finished();
  record.code = absl::StatusCode::kCancelled;
  record.stage = Stage::kPrefill;
  telemetry_.OnEnd(record);
  EXPECT_TRUE(Has("sluice_requests_cancelled_total{phase=\"prefill\"} 1"));
}

TEST_F(MetricsTest, EveryRequestLeavesOneLine) {
  telemetry_.OnAdmitted();
  telemetry_.OnEnd(Finished());
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_NE(lines_[0].find("\"request_id\":\"id\""), std::string::npos);
  EXPECT_NE(lines_[0].find("\"code\":\"OK\""), std::string::npos);
  EXPECT_NE(lines_[0].find("\"generated_tokens\":3"), std::string::npos);
}

}  // namespace
}  // namespace sluice::gateway
