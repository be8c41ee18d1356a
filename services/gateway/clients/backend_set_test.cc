#include "services/gateway/clients/backend_set.h"

#include <gtest/gtest.h>

#include <functional>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/base/error_info.h"
#include "common/rpc/status.h"
#include "common/testing/rpc_fixture.h"
#include "services/gateway/clients/fake_services.h"

namespace sluice::gateway {
namespace {

using GeneratorAnswer = absl::StatusOr<std::optional<GeneratorEvent>>;

// Runs the set until `done`; false after 20 s.
bool Eventually(BackendSet& backends, const std::function<bool()>& done) {
  const absl::Notification never;
  for (int i = 0; i < 4000; ++i) {
    backends.Tick();
    if (done()) return true;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
  return false;
}

std::vector<int32_t> Await(
    const std::function<std::shared_ptr<Call>(IdsCallback)>& start,
    absl::Status& status) {
  absl::Notification done;
  std::vector<int32_t> ids;
  start([&](absl::StatusOr<std::vector<int32_t>> answer) {
    status = answer.status();
    if (answer.ok()) ids = *std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  return ids;
}

GeneratorAnswer Read(GeneratorStream& stream) {
  absl::Notification done;
  GeneratorAnswer answer(std::nullopt);
  stream.Read([&](GeneratorAnswer read) {
    answer = std::move(read);
    done.Notify();
  });
  done.WaitForNotification();
  return answer;
}

class BackendSetTest : public testing::Test {
 protected:
  void StartTokenizer() {
    tokenizer_server_ =
        std::make_unique<RpcFixture>(std::vector<grpc::Service*>{&tokenizer_});
  }
  void StartGenerator(const std::string& listen = "127.0.0.1:0") {
    RpcServerOptions options;
    options.listen = listen;
    generator_server_ =
        std::make_unique<RpcFixture>(std::vector<grpc::Service*>{&generator_},
                                     std::vector<std::string>{}, options);
  }
  BackendSet& Backends() {
    if (backends_ == nullptr) {
      backends_ = std::make_unique<BackendSet>(
          BackendAddresses{.tokenizers = {tokenizer_server_->target()},
                           .generators = {generator_server_->target()}},
          clock_, log_);
    }
    return *backends_;
  }
  BackendSet& ReadyBackends() {
    StartTokenizer();
    StartGenerator();
    EXPECT_TRUE(
        Eventually(Backends(), [&] { return Backends().Ready().ok(); }));
    return Backends();
  }
  Nanos Soon() const { return clock_.Now() + 20 * kNanosPerSecond; }

  const MonotonicClock clock_;
  Logger log_{"test", LogLevel::kError, [](std::string_view) {}};
  FakeTokenizerService tokenizer_;
  FakeGeneratorService generator_;
  std::unique_ptr<RpcFixture> tokenizer_server_;
  std::unique_ptr<RpcFixture> generator_server_;
  std::unique_ptr<BackendSet> backends_;
};

TEST_F(BackendSetTest, PairBecomesReadyAndSaysWhatItServes) {
  BackendSet& backends = ReadyBackends();
  const std::vector<ModelInfo> models = backends.Models();
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].name, "tiny");
  EXPECT_EQ(models[0].context_length, 100);
  EXPECT_TRUE(models[0].chat);
  EXPECT_EQ(models[0].default_params.top_k, 20);
  const auto route = backends.Pick("model", "");
  ASSERT_TRUE(route.ok());
  EXPECT_EQ(route->vocabulary->hash(), ByteVocabulary()->hash());
  EXPECT_EQ(route->vocabulary->bytes('a'), "a");
  EXPECT_TRUE(route->vocabulary->special(256));
  EXPECT_EQ(backends.ready_counts(), std::pair(1, 1));
}

TEST_F(BackendSetTest, UnknownModelIsNotFound) {
  const auto route = ReadyBackends().Pick("model", "gpt");
  EXPECT_EQ(route.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(route.status().message(),
            "model: no such model, got \"gpt\", limit \"tiny\"");
  EXPECT_EQ(FieldOf(route.status()), "model");
}

TEST_F(BackendSetTest, NothingIsReadyBeforeTheFirstTick) {
  StartTokenizer();
  StartGenerator();
  EXPECT_EQ(Backends().Ready().message(), "gateway: no tokenizer is healthy");
  EXPECT_EQ(Backends().Pick("model", "").status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(BackendSetTest, DifferentVocabulariesMakeNoPair) {
  generator_.vocabulary_hash = "other";
  StartTokenizer();
  StartGenerator();
  EXPECT_TRUE(Eventually(Backends(), [&] {
    return Backends().ready_counts() == std::pair(1, 1);
  }));
  EXPECT_EQ(Backends().Ready().message(),
            "gateway: no tokenizer and generator share a vocabulary");
  EXPECT_TRUE(Backends().Models().empty());
}

TEST_F(BackendSetTest, VocabularyThatDoesNotHashAsAnnouncedIsRefused) {
  tokenizer_.corrupt = true;
  StartTokenizer();
  StartGenerator();
  EXPECT_TRUE(Eventually(Backends(), [&] {
    return Backends().ready_counts().second == 1 &&
           tokenizer_.vocabulary_fetches >= 2;
  }));
  EXPECT_FALSE(Backends().Ready().ok());
}

TEST_F(BackendSetTest, GeneratorThatDiesAndReturnsIsNoticed) {
  BackendSet& backends = ReadyBackends();
  const std::string target = generator_server_->target();
  generator_server_.reset();
  EXPECT_TRUE(Eventually(backends, [&] { return !backends.Ready().ok(); }));
  EXPECT_EQ(backends.Ready().message(), "gateway: no generator is healthy");
  StartGenerator(target);
  EXPECT_TRUE(Eventually(backends, [&] { return backends.Ready().ok(); }));
  EXPECT_EQ(tokenizer_.vocabulary_fetches, 1);
}

TEST_F(BackendSetTest, DrainingGeneratorGetsNothingNew) {
  BackendSet& backends = ReadyBackends();
  generator_server_->server().SetServing(false);
  EXPECT_TRUE(Eventually(backends, [&] { return !backends.Ready().ok(); }));
  generator_server_->server().SetServing(true);
  EXPECT_TRUE(Eventually(backends, [&] { return backends.Ready().ok(); }));
}

TEST_F(BackendSetTest, TokenizerAnswersIdsOfTextAndChat) {
  const Route route = *ReadyBackends().Pick("model", "");
  absl::Status status;
  EXPECT_EQ(Await(
                [&](IdsCallback done) {
                  return route.tokenizer->Tokenize("hi", Soon(),
                                                   std::move(done));
                },
                status),
            IdsOf("hi"));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Await(
                [&](IdsCallback done) {
                  return route.tokenizer->RenderChat(
                      {.messages = {{"system", "a"}, {"user", "b"}}}, Soon(),
                      std::move(done));
                },
                status),
            IdsOf("ab"));
  tokenizer_.other_hash = true;
  Await(
      [&](IdsCallback done) {
        return route.tokenizer->Tokenize("hi", Soon(), std::move(done));
      },
      status);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(BackendSetTest, TheTokenizerTellsHowAnswersAreRead) {
  tokenizer_.answer_format = "qwen3";
  tokenizer_.features = {"offsets", "tools"};
  const Route route = *ReadyBackends().Pick("model", "");
  EXPECT_EQ(route.form.format, AnswerFormat::kQwen3);
  EXPECT_TRUE(route.form.takes_tools);
}

TEST_F(BackendSetTest, ATokenizerThatSaysNothingOfAnswersHasPlainOnes) {
  const Route route = *ReadyBackends().Pick("model", "");
  EXPECT_EQ(route.form.format, AnswerFormat::kPlain);
  EXPECT_FALSE(route.form.takes_tools);
}

TEST_F(BackendSetTest, EveryPartOfAChatReachesTheTokenizer) {
  const Route route = *ReadyBackends().Pick("model", "");
  api::ChatPrompt prompt;
  prompt.messages = {
      {.role = "user", .content = "a"},
      {.role = "assistant",
       .tool_calls = {{"c0", "find", "{}"}},
       .reasoning = "hm"},
      {.role = "tool", .content = "", .name = "find", .tool_call_id = "c0"}};
  prompt.tools_json = "[1]";
  prompt.template_kwargs_json = "{}";
  absl::Status status;
  Await(
      [&](IdsCallback done) {
        return route.tokenizer->RenderChat(prompt, Soon(), std::move(done));
      },
      status);
  ASSERT_TRUE(status.ok()) << status;
  const auto sent = tokenizer_.last_chat();
  EXPECT_EQ(sent.tools_json(), "[1]");
  EXPECT_EQ(sent.template_kwargs_json(), "{}");
  ASSERT_EQ(sent.messages_size(), 3);
  EXPECT_FALSE(sent.messages(0).has_name());
  // A message that only calls has no content, which is not an empty one.
  EXPECT_FALSE(sent.messages(1).has_content());
  EXPECT_EQ(sent.messages(1).reasoning_content(), "hm");
  ASSERT_EQ(sent.messages(1).tool_calls_size(), 1);
  EXPECT_EQ(sent.messages(1).tool_calls(0).id(), "c0");
  EXPECT_EQ(sent.messages(1).tool_calls(0).name(), "find");
  EXPECT_EQ(sent.messages(1).tool_calls(0).arguments_json(), "{}");
  EXPECT_TRUE(sent.messages(2).has_content());
  EXPECT_EQ(sent.messages(2).name(), "find");
  EXPECT_EQ(sent.messages(2).tool_call_id(), "c0");
}

TEST_F(BackendSetTest, TokenizerErrorsKeepTheirWords) {
  tokenizer_.failure = ToGrpcStatus(FieldError("messages", "refused"));
  const Route route = *ReadyBackends().Pick("model", "");
  absl::Status status;
  const auto tokenize = [&](IdsCallback done) {
    return route.tokenizer->Tokenize("hi", Soon(), std::move(done));
  };
  Await(tokenize, status);
  EXPECT_EQ(status, FieldError("messages", "refused"));
  tokenizer_server_.reset();
  Await(tokenize, status);
  EXPECT_EQ(status, absl::UnavailableError("the connection to it is lost"));
}

TEST_F(BackendSetTest, TooManyIdsForAMessageAreAPromptTooLong) {
  tokenizer_.failure =
      grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "message too large");
  const Route route = *ReadyBackends().Pick("model", "");
  absl::Status status;
  Await(
      [&](IdsCallback done) {
        return route.tokenizer->Tokenize("hi", Soon(), std::move(done));
      },
      status);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), kReasonContextLengthExceeded);
}

TEST_F(BackendSetTest, StreamCarriesEveryEventAndEnds) {
  using generator::v1::GenerateResponse;
  GenerateResponse queued;
  queued.mutable_queued()->set_position(2);
  GenerateResponse started;
  started.mutable_started()->set_prompt_tokens(3);
  started.mutable_started()->mutable_effective_params()->set_top_p(0.9f);
  const GenerateResponse unknown;  // of a newer Generator
  GenerateResponse delta;
  delta.mutable_delta()->add_ids('a');
  delta.mutable_delta()->mutable_finish()->set_reason(
      generator::v1::FINISH_REASON_STOP);
  delta.mutable_delta()->mutable_finish()->set_trim_bytes(1);
  GenerateResponse finished;
  finished.mutable_finished()->mutable_usage()->set_generated_tokens(7);
  generator_.script = {queued, started, unknown, delta, finished};
  const Route route = *ReadyBackends().Pick("model", "");
  Attempt attempt{.request_id = "id", .prompt_ids = {1, 2, 3}};
  attempt.params.top_k = 5;
  attempt.vocabulary_hash = "hash";
  attempt.deadline = Soon();
  const auto stream = route.generator->Generate(attempt);
  EXPECT_EQ(std::get<api::Queued>(**Read(*stream)).position, 2);
  const auto begun = std::get<AttemptStarted>(**Read(*stream));
  EXPECT_EQ(begun.prompt_tokens, 3);
  EXPECT_EQ(begun.effective_params.top_p, 0.9);
  const auto tokens = std::get<TokenDelta>(**Read(*stream));
  EXPECT_EQ(tokens.ids, std::vector<int32_t>{'a'});
  EXPECT_EQ(tokens.finish->reason, api::FinishReason::kStop);
  EXPECT_EQ(tokens.finish->trim_bytes, 1);
  EXPECT_EQ(std::get<AttemptFinished>(**Read(*stream)).usage.generated_tokens,
            7);
  const GeneratorAnswer end = Read(*stream);
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
  const auto request = generator_.last_request();
  EXPECT_EQ(request.request_id(), "id");
  EXPECT_EQ(request.attempt(), 1);
  EXPECT_EQ(request.prompt_ids_size(), 3);
  EXPECT_EQ(request.params().top_k(), 5);
  EXPECT_EQ(request.vocabulary_hash(), "hash");
}

TEST_F(BackendSetTest, GeneratorRefusalKeepsReasonAndDelay) {
  generator_.status = ToGrpcStatus(WithRetryDelay(
      WithReason(absl::ResourceExhaustedError("queue: full"), "QUEUE_FULL"),
      3 * kNanosPerSecond));
  const Route route = *ReadyBackends().Pick("model", "");
  const auto stream = route.generator->Generate(
      {.request_id = "id", .params = {}, .deadline = Soon()});
  const absl::Status status = Read(*stream).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_EQ(RetryDelayOf(status), 3 * kNanosPerSecond);
}

TEST_F(BackendSetTest, AFullGeneratorIsNotAskedAgainUntilOneLeavesItsQueue) {
  generator_.hang = true;
  generator_.script.resize(2);
  generator_.script[0].mutable_queued()->set_position(3);
  generator_.script[1].mutable_started();
  BackendSet& backends = ReadyBackends();
  const Route route = *backends.Pick("model", "");
  const auto queued = route.generator->Generate(
      {.request_id = "queued", .params = {}, .deadline = Soon()});
  ASSERT_TRUE(Read(*queued).ok());

  generator_.hang = false;
  generator_.script.clear();
  generator_.status = ToGrpcStatus(WithRetryDelay(
      WithReason(absl::ResourceExhaustedError("queue: full"), "QUEUE_FULL"),
      3 * kNanosPerSecond));
  // Refused again in each round: a slow machine may let a probe pass.
  absl::Status full;
  int asked = 0;
  EXPECT_TRUE(Eventually(backends, [&] {
    const auto refused = route.generator->Generate(
        {.request_id = "refused", .params = {}, .deadline = Soon()});
    EXPECT_FALSE(Read(*refused).ok());
    asked = generator_.requests;
    full = backends.Pick("model", "").status();
    return !full.ok();
  }));
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(full), "QUEUE_FULL");
  EXPECT_EQ(RetryDelayOf(full), 3 * kNanosPerSecond);
  EXPECT_TRUE(backends.Ready().ok());
  EXPECT_EQ(generator_.requests, asked);

  ASSERT_TRUE(Read(*queued).ok());  // it was started
  EXPECT_TRUE(backends.Pick("model", "").ok());
  queued->Cancel();
}

TEST_F(BackendSetTest, HandlingAndFeaturesCrossTheWire) {
  BackendSet& backends = ReadyBackends();
  EXPECT_TRUE(backends.Models()[0].Has("resume"));
  EXPECT_FALSE(backends.Models()[0].Has("request_timeouts"));
  const Route route = *backends.Pick("model", "");
  const auto stream =
      route.generator->Generate({.request_id = "id",
                                 .params = {},
                                 .handling = {.tenant = "acme",
                                              .bypass_prefix_cache = true,
                                              .queue_timeout_ms = 5,
                                              .first_token_timeout_ms = 6},
                                 .deadline = Soon()});
  ASSERT_TRUE(Read(*stream).ok());
  const auto request = generator_.last_request();
  EXPECT_EQ(request.tenant(), "acme");
  EXPECT_TRUE(request.bypass_prefix_cache());
  EXPECT_EQ(request.queue_timeout_ms(), 5);
  EXPECT_EQ(request.first_token_timeout_ms(), 6);
}

TEST_F(BackendSetTest, CancelReachesTheGeneratorWhetherReadOrNot) {
  generator_.hang = true;
  generator_.script.resize(1);
  generator_.script[0].mutable_queued()->set_position(0);
  BackendSet& backends = ReadyBackends();
  const Route route = *backends.Pick("model", "");
  const auto idle = route.generator->Generate(
      {.request_id = "idle", .params = {}, .deadline = Soon()});
  ASSERT_TRUE(Read(*idle).ok());
  idle->Cancel();
  EXPECT_TRUE(Eventually(backends, [&] { return generator_.cancels == 1; }));
  EXPECT_EQ(Read(*idle).status().code(), absl::StatusCode::kCancelled);

  const auto read = route.generator->Generate(
      {.request_id = "read", .params = {}, .deadline = Soon()});
  ASSERT_TRUE(Read(*read).ok());
  absl::Notification done;
  absl::Status status;
  read->Read([&](GeneratorAnswer answer) {
    status = answer.status();
    done.Notify();
  });
  read->Cancel();
  done.WaitForNotification();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually(backends, [&] { return generator_.cancels == 2; }));
}

TEST_F(BackendSetTest, DeadlineEndsAStreamThatHangs) {
  generator_.hang = true;
  const Route route = *ReadyBackends().Pick("model", "");
  const auto stream = route.generator->Generate(
      {.request_id = "id",
       .params = {},
       .deadline = clock_.Now() + 50 * kNanosPerMilli});
  EXPECT_EQ(Read(*stream).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(BackendSetTest, GeneratorThatDiesMidStreamIsUnavailable) {
  generator_.hang = true;
  generator_.script.resize(1);
  generator_.script[0].mutable_started();
  const Route route = *ReadyBackends().Pick("model", "");
  const auto stream = route.generator->Generate(
      {.request_id = "id", .params = {}, .deadline = Soon()});
  ASSERT_TRUE(Read(*stream).ok());
  absl::Notification done;
  absl::Status status;
  stream->Read([&](GeneratorAnswer answer) {
    status = answer.status();
    done.Notify();
  });
  generator_server_.reset();
  done.WaitForNotification();
  EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace sluice::gateway
