#include "services/gateway/pipeline/exchange.h"

#include <gtest/gtest.h>

#include "common/base/error_info.h"
#include "services/gateway/pipeline/fake_ports.h"

namespace sluice::gateway {
namespace {

using Outcome = absl::StatusOr<std::optional<api::Event>>;

constexpr Nanos kDeadline = 100 * kNanosPerSecond;

class ExchangeTest : public testing::Test {
 protected:
  std::shared_ptr<Exchange> Make() {
    ExchangePlan plan;
    plan.route_name = "test";
    plan.request_id = "id";
    plan.route = *router_.Pick("model", "");
    plan.prompt_field = "prompt";
    if (reads_thoughts_) {
      plan.wish = {.form = {.format = AnswerFormat::kQwen3}, .reasoning = true};
    }
    plan.arrival = clock_.Now();
    plan.deadline = kDeadline;
    plan.max_silence = 10 * kNanosPerSecond;
    plan.max_pause = 90 * kNanosPerSecond;
    plan.retry_delay = kNanosPerSecond;
    return std::make_shared<Exchange>(std::move(plan), clock_, observer_,
                                      [this] { ++ends_; });
  }
  std::shared_ptr<Exchange> Started(const std::string& text = "hi") {
    auto exchange = Make();
    exchange->StartText(text);
    return exchange;
  }
  // The next outcome, if it has come.
  std::optional<Outcome> Next(Exchange& exchange) {
    auto outcome = std::make_shared<std::optional<Outcome>>();
    exchange.Next([outcome](Outcome next) { *outcome = std::move(next); });
    late_ = outcome;
    return *outcome;
  }
  // What a Next that had to wait was answered in the end.
  absl::Status LateStatus() {
    return late_->has_value() ? (*late_)->status()
                              : absl::UnknownError("no answer");
  }
  FakeStream& stream() { return *router_.generator->last_stream(); }

  FakeClock clock_;
  FakeRouter router_;
  FakeObserver observer_;
  bool reads_thoughts_ = false;
  int ends_ = 0;
  std::shared_ptr<std::optional<Outcome>> late_;
};

TEST_F(ExchangeTest, EventsComeInOrderAndThenNothing) {
  router_.generator->reply = {"he", "llo"};
  auto exchange = Started();
  std::string text;
  std::vector<size_t> kinds;
  while (true) {
    const auto outcome = Next(*exchange);
    ASSERT_TRUE(outcome.has_value());
    ASSERT_TRUE(outcome->ok()) << outcome->status();
    if (!(*outcome)->has_value()) break;
    const api::Event& event = ***outcome;
    kinds.push_back(event.index());
    if (const auto* delta = std::get_if<api::Delta>(&event)) {
      text += delta->text;
    }
  }
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(kinds, (std::vector<size_t>{0, 1, 3, 3, 3, 4}));
  EXPECT_EQ(ends_, 1);
  ASSERT_EQ(observer_.records().size(), 1u);
  const RequestRecord record = observer_.records()[0];
  EXPECT_EQ(record.code, absl::StatusCode::kOk);
  EXPECT_EQ(record.finish_reason, "eos");
  EXPECT_EQ(record.prompt_tokens, 2);
  EXPECT_EQ(record.generated_tokens, 6);
  EXPECT_EQ(observer_.stages(),
            (std::vector<Stage>{Stage::kTokenize, Stage::kQueue,
                                Stage::kPrefill, Stage::kDecode}));
  EXPECT_EQ(observer_.gaps().size(), 1u);
  EXPECT_EQ(observer_.first_tokens().size(), 1u);
  // Asked again, it says the same.
  EXPECT_FALSE((*Next(*exchange))->has_value());
}

TEST_F(ExchangeTest, AttemptCarriesPromptAndVocabulary) {
  auto exchange = Started("hi");
  const Attempt attempt = router_.generator->last_attempt();
  EXPECT_EQ(attempt.prompt_ids, IdsOf("hi"));
  EXPECT_EQ(attempt.request_id, "id");
  EXPECT_EQ(attempt.number, 1);
  EXPECT_EQ(attempt.deadline, kDeadline);
  EXPECT_EQ(attempt.vocabulary_hash, router_.vocabulary->hash());
  exchange->Cancel();
}

TEST_F(ExchangeTest, SlowReaderIsNotReadAhead) {
  auto exchange = Started();
  stream().Push(api::Queued{});
  stream().Push(AttemptStarted{});
  stream().Push(TokenDelta{.ids = {'a'}});
  EXPECT_EQ(stream().reads(), 0);
  ASSERT_TRUE(Next(*exchange).has_value());
  EXPECT_EQ(stream().reads(), 1);
  ASSERT_TRUE(Next(*exchange).has_value());
  EXPECT_EQ(stream().reads(), 2);
  exchange->Cancel();
}

TEST_F(ExchangeTest, AllOfOneEventIsTakenBeforeTheGeneratorIsReadOn) {
  reads_thoughts_ = true;
  auto exchange = Started();
  stream().Push(AttemptStarted{});
  stream().Push(TokenDelta{.ids = IdsOf("<think>hm</think>yes")});
  stream().Push(TokenDelta{.ids = IdsOf("!")});
  const auto delta = [&] { return std::get<api::Delta>(***Next(*exchange)); };
  ASSERT_TRUE(Next(*exchange).has_value());
  EXPECT_EQ(delta().reasoning, "hm");
  EXPECT_EQ(stream().reads(), 2);
  clock_.Advance(5);
  EXPECT_EQ(delta().text, "yes");
  EXPECT_EQ(stream().reads(), 2);
  EXPECT_EQ(exchange->paused_since(), clock_.Now());
  EXPECT_EQ(delta().text, "!");
  EXPECT_EQ(stream().reads(), 3);
  EXPECT_EQ(observer_.first_tokens().size(), 1u);
  EXPECT_EQ(observer_.gaps().size(), 1u);
  exchange->Cancel();
}

TEST_F(ExchangeTest, WhatWasNotTakenOfAnEventGoesWithTheRequest) {
  reads_thoughts_ = true;
  auto exchange = Started();
  stream().Push(AttemptStarted{});
  stream().Push(TokenDelta{.ids = IdsOf("<think>hm</think>yes")});
  ASSERT_TRUE(Next(*exchange).has_value());
  ASSERT_TRUE(Next(*exchange).has_value());
  exchange->Cancel();
  EXPECT_EQ(Next(*exchange)->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ExchangeTest, AClientThatTakesNothingLosesItsRequest) {
  auto exchange = Started();
  int unread = 0;
  exchange->OnEndUnread([&unread] { ++unread; });
  stream().Push(AttemptStarted{});
  stream().Push(TokenDelta{.ids = {'a'}});
  ASSERT_TRUE(Next(*exchange).has_value());
  clock_.Advance(90 * kNanosPerSecond);
  exchange->Tick(clock_.Now());
  EXPECT_EQ(ends_, 0);
  EXPECT_FALSE(stream().cancelled());
  clock_.Advance(1);
  exchange->Tick(clock_.Now());
  EXPECT_EQ(ends_, 1);
  EXPECT_EQ(unread, 1);
  EXPECT_TRUE(stream().cancelled());
  const auto end = Next(*exchange);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(end->status()), "SLOW_READER");
  EXPECT_EQ(observer_.records()[0].code, absl::StatusCode::kResourceExhausted);
}

TEST_F(ExchangeTest, PausesBeginWhenTheClientTakesNothing) {
  auto exchange = Make();
  EXPECT_EQ(exchange->paused_since(), std::nullopt);
  exchange->StartText("hi");
  stream().Push(AttemptStarted{});
  clock_.Advance(3);
  ASSERT_TRUE(Next(*exchange).has_value());
  EXPECT_EQ(exchange->paused_since(), clock_.Now());
  clock_.Advance(3);
  EXPECT_EQ(exchange->paused_since(), clock_.Now() - 3);
  EXPECT_FALSE(Next(*exchange).has_value());  // waits for the Generator
  EXPECT_EQ(exchange->paused_since(), std::nullopt);
  exchange->Cancel();
  EXPECT_EQ(exchange->paused_since(), std::nullopt);
}

TEST_F(ExchangeTest, WhoWaitsForTheEndHearsOfItOnce) {
  auto exchange = Started();
  int unread = 0;
  exchange->OnEndUnread([&unread] { ++unread; });
  EXPECT_FALSE(Next(*exchange).has_value());
  exchange->Cancel();
  EXPECT_EQ(LateStatus().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(unread, 0);
}

TEST_F(ExchangeTest, CancelWhileTokenizingCancelsTheTokenizer) {
  router_.tokenizer->held = true;
  auto exchange = Started();
  EXPECT_FALSE(Next(*exchange).has_value());
  exchange->Cancel();
  EXPECT_EQ(LateStatus().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(router_.tokenizer->last_call->cancelled());
  EXPECT_EQ(router_.generator->last_stream(), nullptr);
  EXPECT_EQ(observer_.records()[0].stage, Stage::kTokenize);
  EXPECT_EQ(ends_, 1);
}

TEST_F(ExchangeTest, CancelWhileQueuedCancelsTheGenerator) {
  auto exchange = Started();
  stream().Push(api::Queued{.position = 3});
  ASSERT_TRUE(Next(*exchange).has_value());
  EXPECT_FALSE(Next(*exchange).has_value());
  exchange->Cancel();
  EXPECT_TRUE(stream().cancelled());
  EXPECT_EQ(LateStatus().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(observer_.records()[0].stage, Stage::kQueue);
}

TEST_F(ExchangeTest, CancelInPrefillAndDecodeCancelsTheGenerator) {
  for (const Stage stage : {Stage::kPrefill, Stage::kDecode}) {
    auto exchange = Started();
    stream().Push(AttemptStarted{});
    ASSERT_TRUE(Next(*exchange).has_value());
    if (stage == Stage::kDecode) {
      stream().Push(TokenDelta{.ids = {'a'}});
      ASSERT_TRUE(Next(*exchange).has_value());
    }
    exchange->Cancel();
    EXPECT_TRUE(stream().cancelled());
    EXPECT_EQ(observer_.records().back().stage, stage);
    // Nobody was waiting: the next one who asks is told.
    EXPECT_EQ(Next(*exchange)->status().code(), absl::StatusCode::kCancelled);
  }
  EXPECT_EQ(ends_, 2);
}

TEST_F(ExchangeTest, SecondCancelChangesNothing) {
  auto exchange = Started();
  exchange->Cancel();
  exchange->Cancel(absl::InternalError("other"));
  EXPECT_EQ(ends_, 1);
  EXPECT_EQ(Next(*exchange)->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ExchangeTest, PromptThatComesAfterACancelGoesNowhere) {
  router_.tokenizer->held = true;
  auto exchange = Started();
  exchange->Cancel();
  // The answer was on its way.
  router_.tokenizer->last_call->Answer(IdsOf("hi"));
  EXPECT_EQ(router_.generator->last_stream(), nullptr);
  EXPECT_EQ(ends_, 1);
}

TEST_F(ExchangeTest, TokenizerFailureIsTold) {
  router_.tokenizer->failure = absl::InvalidArgumentError("messages: no");
  auto exchange = Started();
  EXPECT_EQ(Next(*exchange)->status(),
            absl::InvalidArgumentError("messages: no"));
  router_.tokenizer->failure = absl::UnavailableError("gone");
  const absl::Status gone = Next(*Started())->status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(gone.message(), "tokenizer: gone");
  EXPECT_EQ(RetryDelayOf(gone), kNanosPerSecond);
}

TEST_F(ExchangeTest, GeneratorFailureInEachStageIsTold) {
  for (int events = 0; events < 3; ++events) {
    auto exchange = Started();
    if (events > 0) stream().Push(AttemptStarted{});
    if (events > 1) stream().Push(TokenDelta{.ids = {'a'}});
    stream().Fail(absl::UnknownError("what"));
    for (int i = 0; i < events; ++i) ASSERT_TRUE(Next(*exchange)->ok());
    const absl::Status status = Next(*exchange)->status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(status.message(), "generator: what");
  }
  EXPECT_EQ(ends_, 3);
}

TEST_F(ExchangeTest, StreamThatEndsEarlyIsAnError) {
  auto exchange = Started();
  stream().Push(AttemptStarted{});
  stream().Finish();
  ASSERT_TRUE(Next(*exchange)->ok());
  EXPECT_EQ(Next(*exchange)->status().code(), absl::StatusCode::kInternal);
}

TEST_F(ExchangeTest, BrokenPeerIsCancelled) {
  auto exchange = Started();
  stream().Push(AttemptStarted{});
  stream().Push(TokenDelta{.ids = {1000}});
  ASSERT_TRUE(Next(*exchange)->ok());
  EXPECT_EQ(Next(*exchange)->status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(stream().cancelled());
}

TEST_F(ExchangeTest, PromptOverTheContextNeverReachesTheGenerator) {
  auto exchange = Started(std::string(100, 'x'));
  const absl::Status status = Next(*exchange)->status();
  EXPECT_EQ(status.message(),
            "prompt: is longer than the context, got 100 tokens, limit 99, "
            "one less than the context of 100");
  EXPECT_EQ(router_.generator->last_stream(), nullptr);
}

TEST_F(ExchangeTest, DeadlineEndsItWhereverItIs) {
  router_.tokenizer->held = true;
  auto exchange = Started();
  exchange->Tick(kDeadline - 1);
  EXPECT_EQ(ends_, 0);
  exchange->Tick(kDeadline);
  EXPECT_EQ(Next(*exchange)->status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(router_.tokenizer->last_call->cancelled());
}

TEST_F(ExchangeTest, SilenceCountsOnlyWhileTheGeneratorIsRead) {
  auto exchange = Started();
  clock_.Advance(11 * kNanosPerSecond);
  exchange->Tick(clock_.Now());
  EXPECT_EQ(ends_, 0);
  EXPECT_FALSE(Next(*exchange).has_value());
  clock_.Advance(10 * kNanosPerSecond);
  exchange->Tick(clock_.Now());
  EXPECT_EQ(ends_, 0);
  clock_.Advance(1);
  exchange->Tick(clock_.Now());
  EXPECT_EQ(LateStatus().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(stream().cancelled());
}

TEST_F(ExchangeTest, LivenessWithoutTokensKeepsTheWatchdogQuiet) {
  auto exchange = Started();
  stream().Push(AttemptStarted{});
  ASSERT_TRUE(Next(*exchange)->ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Next(*exchange).has_value());
    clock_.Advance(9 * kNanosPerSecond / 10);
    stream().Push(TokenDelta{});
    exchange->Tick(clock_.Now());
  }
  EXPECT_EQ(ends_, 0);
  EXPECT_TRUE(observer_.first_tokens().empty());
  exchange->Cancel();
}

}  // namespace
}  // namespace sluice::gateway
