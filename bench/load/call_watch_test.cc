#include "bench/load/call_watch.h"

#include <gtest/gtest.h>

#include "bench/load/answer_book.h"
#include "bench/load/results.h"
#include "common/base/error_info.h"

namespace sluice::load {
namespace {

constexpr Nanos kDue = 1000;
constexpr Nanos kSent = 1010;

class CallWatchTest : public ::testing::Test {
 protected:
  CallWatchTest() { request_.max_new_tokens = 3; }

  CallWatch Watch() { return CallWatch(request_, kDue, kSent); }
  static FinishReport Finish(int32_t generated) {
    return {
        .prompt_tokens = 5, .cached_tokens = 2, .generated_tokens = generated};
  }

  PlannedRequest request_;
};

TEST_F(CallWatchTest, AGoodCallIsMeasuredFromWhenItWasDue) {
  CallWatch watch = Watch();
  watch.OnStarted();
  watch.OnText("", 0, 1500);  // a sign of life is no token
  watch.OnText("a", 1, 2000);
  watch.OnText("bc", 2, 2600);
  watch.OnFinished(Finish(3));
  const CallRecord record = watch.End(absl::OkStatus(), Cut::kNone, 3000);
  EXPECT_TRUE(record.finished);
  EXPECT_EQ(record.violation, "");
  EXPECT_EQ(record.due, kDue);
  EXPECT_EQ(record.sent, kSent);
  EXPECT_EQ(record.first, 2000);
  EXPECT_EQ(record.last, 2600);
  EXPECT_EQ(record.ended, 3000);
  EXPECT_EQ(record.gaps, std::vector<Nanos>{600});
  EXPECT_EQ(record.tokens, 3);
  EXPECT_EQ(record.text_bytes, 3);
}

using Story = void (*)(CallWatch&);

TEST_F(CallWatchTest, EveryBrokenPromiseIsNamed) {
  const std::vector<std::pair<const char*, Story>> stories = {
      {"text that is not whole UTF-8",
       [](CallWatch& watch) { watch.OnText("\xC3", 1, 1); }},
      {"output before Started",
       [](CallWatch& watch) { watch.OnText("a", 1, 1); }},
      {"started twice",
       [](CallWatch& watch) {
         watch.OnStarted();
         watch.OnStarted();
       }},
      {"more tokens than asked for",
       [](CallWatch& watch) {
         watch.OnStarted();
         watch.OnIds({1, 2, 3, 4}, 1);
       }},
      {"Finished twice",
       [](CallWatch& watch) {
         watch.OnStarted();
         watch.OnFinished(Finish(1));
         watch.OnFinished(Finish(1));
       }},
      {"output after Finished",
       [](CallWatch& watch) {
         watch.OnStarted();
         watch.OnFinished(Finish(3));
         watch.OnText("a", 1, 1);
       }},
      {"more tokens sent than the usage says",
       [](CallWatch& watch) {
         watch.OnStarted();
         watch.OnText("abc", 3, 1);
         watch.OnFinished(Finish(2));
       }},
      {"ended OK without Finished",
       [](CallWatch& watch) { watch.OnStarted(); }}};
  for (const auto& [promise, story] : stories) {
    CallWatch watch = Watch();
    story(watch);
    EXPECT_EQ(watch.End(absl::OkStatus(), Cut::kNone, 9).violation, promise);
  }
}

TEST_F(CallWatchTest, AnErrorAfterFinishedBreaksAPromiseUnlessWeCutTheCall) {
  for (const Cut cut : {Cut::kNone, Cut::kPlanned}) {
    CallWatch watch = Watch();
    watch.OnStarted();
    watch.OnFinished(Finish(0));
    const CallRecord record = watch.End(absl::CancelledError(""), cut, 9);
    EXPECT_FALSE(record.finished);
    EXPECT_EQ(record.violation.empty(), cut == Cut::kPlanned);
  }
}

CallRecord Answered(int32_t question, const char* answer, bool finished) {
  CallRecord record;
  record.question = question;
  record.answer = answer;
  record.finished = finished;
  return record;
}

TEST(AnswerBookTest, EqualQuestionsMustGetEqualAnswers) {
  AnswerBook book;
  const auto agrees = [&book](CallRecord record) {
    book.Check(record);
    return record.violation.empty();
  };
  EXPECT_TRUE(agrees(Answered(1, "hel", false)));
  EXPECT_TRUE(agrees(Answered(1, "hello", true)));
  EXPECT_TRUE(agrees(Answered(1, "hell", false)));
  EXPECT_TRUE(agrees(Answered(1, "hello", true)));
  EXPECT_FALSE(agrees(Answered(1, "hell", true)));     // whole, yet shorter
  EXPECT_FALSE(agrees(Answered(1, "hello!", true)));   // longer
  EXPECT_FALSE(agrees(Answered(1, "help", false)));    // another way
  EXPECT_FALSE(agrees(Answered(1, "hello!", false)));  // past the end
  EXPECT_TRUE(agrees(Answered(2, "bye", true)));
  EXPECT_TRUE(agrees(Answered(-1, "anything", true)));
  EXPECT_EQ(book.compared(), 7);
}

CallRecord Sent(Nanos due, absl::Status status) {
  CallRecord record;
  record.due = due;
  record.sent = due;
  record.ended = due + 5 * kNanosPerMilli;
  record.finished = status.ok();
  if (status.ok()) record.first = record.ended;
  record.status = std::move(status);
  return record;
}

TEST(ResultsTest, EveryRequestIsCountedOnceAndTheWarmUpNotAtAll) {
  LoadOptions options;
  options.pace.warmup_s = 1;
  options.ttft_bound_ms = 10;
  Results results(options, 0);
  const absl::Status full = absl::ResourceExhaustedError("full");
  results.Add(Sent(kNanosPerSecond - 1, absl::OkStatus()));  // warm-up
  results.Add(Sent(kNanosPerSecond, absl::OkStatus()));
  results.Add(Sent(2 * kNanosPerSecond, full));
  results.Add(Sent(2 * kNanosPerSecond, WithRetryDelay(full, kNanosPerSecond)));
  results.Add(Sent(3 * kNanosPerSecond, absl::UnavailableError("gone")));
  CallRecord late = Sent(3 * kNanosPerSecond, absl::OkStatus());
  late.first = late.due + 11 * kNanosPerMilli;
  results.Add(late);
  CallRecord cancelled =
      Sent(3 * kNanosPerSecond, absl::CancelledError("by us"));
  cancelled.cut = Cut::kPlanned;
  results.Add(cancelled);
  CallRecord cut = Sent(3 * kNanosPerSecond, absl::CancelledError("the end"));
  cut.cut = Cut::kEnd;
  results.Add(cut);
  EXPECT_EQ(results.all().sent, 7);
  EXPECT_EQ(results.all().finished, 2);
  EXPECT_EQ(results.all().good, 1);
  EXPECT_EQ(results.all().rejected, 2);
  EXPECT_EQ(results.without_retry, 1);
  EXPECT_EQ(results.all().cancelled, 1);
  EXPECT_EQ(results.unfinished, 1);
  EXPECT_EQ(results.errors,
            (std::map<std::string, int64_t>{{"UNAVAILABLE", 1}}));
  EXPECT_EQ(results.timeline.size(), 3u);
  EXPECT_EQ(results.timeline[2].counts.rejected, 2);
  EXPECT_EQ(results.timeline[3].counts.finished, 1);
  EXPECT_EQ(results.violations, 0);
}

}  // namespace
}  // namespace sluice::load
