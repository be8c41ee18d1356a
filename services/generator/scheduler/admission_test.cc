#include "services/generator/scheduler/admission.h"

#include <string>
#include <vector>

#include "common/base/error_info.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

constexpr Nanos kNow = 5 * kNanosPerSecond;
constexpr Nanos kRetry = 3 * kNanosPerSecond;

RequestFields Fields() {
  RequestFields fields;
  fields.request_id = "r";
  fields.prompt_ids.assign(100, 1);
  fields.params.max_new_tokens = 50;
  return fields;
}

Request Make(const RequestFields& fields) {
  RequestLimits limits;
  limits.context_length = 200;
  limits.vocabulary_size = 5;
  return *Request::Create(fields, limits);
}

constexpr Rates kRates = {.starts_per_second = 10,
                          .prefill_tokens_per_second = 100,
                          .decode_step_seconds = 0.02};

TEST(AdmissionTest, WaitsFollowTheMeasuredRates) {
  const Request request = Make(Fields());
  QueueLoad queue;
  queue.ahead = 20;
  ExpectedWaits waits = ExpectWaits(request, 50, queue, kRates);
  EXPECT_EQ(waits.start, 2 * kNanosPerSecond);
  EXPECT_EQ(waits.first_token, 2'500 * kNanosPerMilli);
  // It may end with any token.
  EXPECT_EQ(waits.end, waits.first_token);
  queue.prefill_rows = 400;
  waits = ExpectWaits(request, 50, queue, kRates);
  EXPECT_EQ(waits.start, 4 * kNanosPerSecond);
}

TEST(AdmissionTest, TokensThatMustComeAreWaitedFor) {
  RequestFields fields = Fields();
  fields.params.ignore_eos = true;
  EXPECT_EQ(ExpectWaits(Make(fields), 0, {}, kRates).end,
            49 * 20 * kNanosPerMilli);
  fields.resumed = {{0, std::vector<int32_t>(40, 1)}};
  EXPECT_EQ(ExpectWaits(Make(fields), 0, {}, kRates).end,
            9 * 20 * kNanosPerMilli);
  fields.params.stop = {"x"};
  fields.params.min_new_tokens = 43;
  EXPECT_EQ(ExpectWaits(Make(fields), 0, {}, kRates).end,
            2 * 20 * kNanosPerMilli);
}

TEST(AdmissionTest, NothingMeasuredRefusesNothing) {
  RequestFields fields = Fields();
  fields.deadline = kNow + 1;
  fields.queue_timeout_ms = 1;
  fields.first_token_timeout_ms = 1;
  const Request request = Make(fields);
  QueueLoad queue;
  queue.ahead = 1000;
  queue.prefill_rows = 1'000'000;
  EXPECT_TRUE(CheckWaits(request, ExpectWaits(request, 100, queue, {}), {},
                         kNow, kRetry)
                  .ok());
}

TEST(AdmissionTest, OnlyWhatIsClearlyOutOfReachIsRefused) {
  const auto check = [](const RequestFields& fields, Nanos expected) {
    const ExpectedWaits waits = {expected, expected, expected};
    return CheckWaits(Make(fields), waits, {}, kNow, kRetry);
  };
  RequestFields deadline = Fields(), queue = Fields(), token = Fields();
  deadline.deadline = kNow + kNanosPerSecond;
  queue.queue_timeout_ms = 1000;
  token.first_token_timeout_ms = 1000;
  for (const RequestFields& fields : {deadline, queue, token}) {
    EXPECT_TRUE(check(fields, 1'490 * kNanosPerMilli).ok());
    const absl::Status status = check(fields, 1'510 * kNanosPerMilli);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(ReasonOf(status), std::string(kReasonDeadlineUnmeetable));
    EXPECT_EQ(RetryDelayOf(status), kRetry);
  }
}

TEST(AdmissionTest, EachBoundIsHeldAgainstItsOwnWait) {
  RequestFields fields = Fields();
  fields.queue_timeout_ms = 1000;
  ExpectedWaits waits;
  waits.first_token = waits.end = 100 * kNanosPerSecond;
  EXPECT_TRUE(CheckWaits(Make(fields), waits, {}, kNow, kRetry).ok());
  fields.first_token_timeout_ms = 2000;
  EXPECT_THAT(
      std::string(CheckWaits(Make(fields), waits, {}, kNow, kRetry).message()),
      HasSubstr("first_token_timeout_ms: cannot be met, got about 66666 ms, "
                "limit 2000 ms"));
}

TEST(AdmissionTest, OperatorsQueueIsKeptShorterThanItsTimeout) {
  SchedulerOptions options;
  options.queue_timeout_ms = 1000;
  const Request request = Make(Fields());
  ExpectedWaits waits;
  waits.start = 740 * kNanosPerMilli;
  EXPECT_TRUE(CheckWaits(request, waits, options, kNow, kRetry).ok());
  waits.start = 760 * kNanosPerMilli;
  EXPECT_EQ(ReasonOf(CheckWaits(request, waits, options, kNow, kRetry)),
            std::string(kReasonDeadlineUnmeetable));
}

TEST(AdmissionTest, TighterTimeoutHolds) {
  RequestFields fields = Fields();
  SchedulerOptions options;
  EXPECT_EQ(StartBy(Make(fields), options, kNow), kNoDeadline);
  EXPECT_EQ(FirstTokenBy(Make(fields), options, kNow), kNoDeadline);
  fields.queue_timeout_ms = 700;
  EXPECT_EQ(StartBy(Make(fields), options, kNow), kNow + 700 * kNanosPerMilli);
  options.queue_timeout_ms = 300;
  options.first_token_timeout_ms = 900;
  EXPECT_EQ(StartBy(Make(fields), options, kNow), kNow + 300 * kNanosPerMilli);
  EXPECT_EQ(FirstTokenBy(Make(fields), options, kNow),
            kNow + 900 * kNanosPerMilli);
}

TEST(AdmissionTest, RetryDelayIsTheTimeToDrainTheQueueWithinLimits) {
  SchedulerOptions options;
  options.retry_delay_ms = 1000;
  EXPECT_EQ(RetryDelay(50, options, kRates), 5 * kNanosPerSecond);
  EXPECT_EQ(RetryDelay(5, options, kRates), kNanosPerSecond);
  EXPECT_EQ(RetryDelay(50, options, {}), kNanosPerSecond);
  EXPECT_EQ(RetryDelay(1'000'000, options, kRates), 60 * kNanosPerSecond);
  options.retry_delay_ms = 90'000;
  EXPECT_EQ(RetryDelay(50, options, kRates), 90 * kNanosPerSecond);
}

}  // namespace
}  // namespace sluice::generator
