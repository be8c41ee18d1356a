#include "services/gateway/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include "common/base/error_info.h"
#include "services/gateway/pipeline/fake_ports.h"

namespace sluice::gateway {
namespace {

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() { options_.max_in_flight = 2; }
  ~PipelineTest() override {
    if (pipeline_ != nullptr) pipeline_->CancelAll();
  }

  Pipeline& pipeline() {
    if (pipeline_ == nullptr) {
      pipeline_ = std::make_unique<Pipeline>(
          options_,
          PipelineParts{router_, presets_, clock_, random_, observer_});
    }
    return *pipeline_;
  }
  static api::ChatRequest Chat() {
    api::ChatRequest request;
    request.messages = {{"user", "hi"}};
    return request;
  }
  absl::Status StartStatus(api::ChatRequest request) {
    return pipeline().Start("test", std::move(request)).status();
  }
  // Params that went to the Generator.
  api::SamplingParams Sent(api::ChatRequest request) {
    const auto exchange = pipeline().Start("test", std::move(request));
    EXPECT_TRUE(exchange.ok()) << exchange.status();
    (*exchange)->Cancel();
    return router_.generator->last_attempt().params;
  }

  PipelineOptions options_;
  FakeClock clock_;
  FakeRouter router_;
  FakeObserver observer_;
  SeededRandom random_{1};
  PresetCatalog presets_ = PresetCatalog::BuiltIn();
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, SeedIsDrawnOnlyWhenNoneIsGiven) {
  api::ChatRequest request = Chat();
  request.options.params.seed = ~uint64_t{0};
  EXPECT_EQ(Sent(request).seed, ~uint64_t{0});
  const auto first = Sent(Chat()).seed;
  const auto second = Sent(Chat()).seed;
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(first, second);
  EXPECT_LT(*first, uint64_t{1} << 53);
}

TEST_F(PipelineTest, PresetAndModelFillInWhatTheRequestLeavesOpen) {
  router_.model.default_params.top_p = 0.5;
  router_.model.default_params.min_new_tokens = 1;
  api::ChatRequest request = Chat();
  request.options.preset = "speed";
  request.options.params.top_k = 3;
  const api::SamplingParams sent = Sent(request);
  EXPECT_EQ(sent.top_k, 3);
  EXPECT_EQ(sent.top_p, 0.8);
  EXPECT_EQ(sent.min_new_tokens, 1);
  EXPECT_FALSE(Sent(Chat()).top_k.has_value());
}

TEST_F(PipelineTest, RequestsPastTheBoundAreRefusedAndToldWhenToRetry) {
  const auto first = pipeline().Start("test", Chat());
  const auto second = pipeline().Start("test", Chat());
  ASSERT_TRUE(first.ok() && second.ok());
  const absl::Status third = StartStatus(Chat());
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(third.message(),
            "gateway: too many requests in flight, got 3, limit 2");
  EXPECT_EQ(RetryDelayOf(third), kNanosPerSecond);
  EXPECT_EQ(ReasonOf(third), kReasonQueueFull);
  (*first)->Cancel();
  EXPECT_EQ(pipeline().in_flight(), 1u);
  EXPECT_TRUE(StartStatus(Chat()).ok());
  EXPECT_EQ(observer_.admitted(), 3);
}

TEST_F(PipelineTest, SameRequestIdInFlightIsRefusedAndFreeAfterwards) {
  api::ChatRequest request = Chat();
  request.options.request_id = "mine";
  const auto first = pipeline().Start("test", request);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(StartStatus(request).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(router_.generator->last_stream()->cancelled());
  (*first)->Cancel();
  EXPECT_TRUE(StartStatus(request).ok());
}

TEST_F(PipelineTest, RefusalsAreRecordedWithTheirCode) {
  api::ChatRequest bad = Chat();
  bad.options.params.top_p = 2;
  EXPECT_EQ(StartStatus(bad).code(), absl::StatusCode::kInvalidArgument);
  bad = Chat();
  bad.options.preset = "fast";
  EXPECT_EQ(StartStatus(bad).code(), absl::StatusCode::kNotFound);
  bad = Chat();
  bad.options.model = "gpt";
  EXPECT_EQ(StartStatus(bad).code(), absl::StatusCode::kNotFound);
  router_.failure = absl::UnavailableError("no pair");
  const absl::Status none = StartStatus(Chat());
  EXPECT_EQ(none.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(RetryDelayOf(none).has_value());
  const auto records = observer_.records();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(records[3].code, absl::StatusCode::kUnavailable);
  for (const RequestRecord& record : records) EXPECT_FALSE(record.admitted);
  EXPECT_EQ(observer_.admitted(), 0);
  EXPECT_EQ(pipeline().in_flight(), 0u);
}

TEST_F(PipelineTest, ModelLimitsAreJudgedOnTheCompleteParameters) {
  api::ChatRequest request = Chat();
  request.options.params.max_new_tokens = 101;
  EXPECT_EQ(StartStatus(request).message(),
            "max_new_tokens: out of range, got 101, limit 1 to 100");
  request.options.params.max_new_tokens = 100;
  request.options.params.stop_token_ids = {257};
  EXPECT_EQ(StartStatus(request).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PipelineTest, AFullGatewayPicksNoBackend) {
  options_.max_in_flight = 1;
  ASSERT_TRUE(StartStatus(Chat()).ok());
  router_.failure = absl::InternalError("must not be asked");
  EXPECT_EQ(StartStatus(Chat()).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(PipelineTest, HandlingGoesToTheGeneratorThatKnowsIt) {
  router_.model.features = {"bypass_prefix_cache", "request_timeouts"};
  api::ChatRequest request = Chat();
  request.options.tenant = "acme";
  request.options.bypass_prefix_cache = true;
  request.options.queue_timeout_ms = 7;
  request.options.first_token_timeout_ms = 8;
  Sent(request);
  const Handling handling = router_.generator->last_attempt().handling;
  EXPECT_EQ(handling.tenant, "acme");
  EXPECT_TRUE(handling.bypass_prefix_cache);
  EXPECT_EQ(handling.queue_timeout_ms, 7);
  EXPECT_EQ(handling.first_token_timeout_ms, 8);
}

TEST_F(PipelineTest, WhatTheGeneratorDoesNotKnowIsRefusedByName) {
  ASSERT_TRUE(StartStatus(Chat()).ok());  // asks for nothing
  api::ChatRequest request = Chat();
  request.options.bypass_prefix_cache = true;
  absl::Status status = StartStatus(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(FieldOf(status), "bypass_prefix_cache");
  request = Chat();
  request.options.queue_timeout_ms = 1;
  EXPECT_EQ(FieldOf(StartStatus(request)), "queue_timeout_ms");
  request = Chat();
  request.options.first_token_timeout_ms = 1;
  EXPECT_EQ(FieldOf(StartStatus(request)), "first_token_timeout_ms");
}

TEST_F(PipelineTest, TimeoutIsTheClientsWithinTheLimit) {
  const auto deadline_of = [this](std::optional<Nanos> timeout) {
    api::ChatRequest request = Chat();
    request.options.timeout = timeout;
    Sent(request);
    return router_.generator->last_attempt().deadline - clock_.Now();
  };
  EXPECT_EQ(deadline_of(std::nullopt), 120 * kNanosPerSecond);
  EXPECT_EQ(deadline_of(5 * kNanosPerSecond), 5 * kNanosPerSecond);
  EXPECT_EQ(deadline_of(9'999 * kNanosPerSecond), 600 * kNanosPerSecond);
}

TEST_F(PipelineTest, TickEndsWhatIsPastItsDeadline) {
  const auto exchange = pipeline().Start("test", Chat());
  ASSERT_TRUE(exchange.ok());
  clock_.Advance(120 * kNanosPerSecond);
  pipeline().Tick();
  EXPECT_EQ(pipeline().in_flight(), 0u);
  EXPECT_EQ(observer_.records()[0].code, absl::StatusCode::kDeadlineExceeded);
}

TEST_F(PipelineTest, DrainRefusesNewRequestsAndKeepsRunningOnes) {
  const auto running = pipeline().Start("test", Chat());
  ASSERT_TRUE(running.ok());
  pipeline().BeginDrain();
  const absl::Status refused = StartStatus(Chat());
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(refused), kReasonDraining);
  EXPECT_EQ(pipeline().in_flight(), 1u);
  pipeline().CancelAll();
  EXPECT_EQ(pipeline().in_flight(), 0u);
}

// Every Delta of an answer, one after the other.
struct Heard {
  std::string text = {};
  std::string reasoning = {};
  std::vector<api::ToolCallDelta> calls = {};
};

Heard Listen(Exchange& exchange) {
  Heard heard;
  for (bool more = true; more;) {
    exchange.Next([&](absl::StatusOr<std::optional<api::Event>> next) {
      EXPECT_TRUE(next.ok()) << next.status();
      more = next.ok() && next->has_value();
      if (!more) return;
      const auto* delta = std::get_if<api::Delta>(&**next);
      if (delta == nullptr) return;
      heard.text += delta->text;
      heard.reasoning += delta->reasoning;
      heard.calls.insert(heard.calls.end(), delta->tool_calls.begin(),
                         delta->tool_calls.end());
    });
  }
  return heard;
}

constexpr char kTools[] = R"([{"type":"function","function":{"name":"find"}}])";
constexpr char kCall[] =
    "hm</think>Wait.<tool_call>{\"name\":\"find\",\"arguments\":{\"q\":1}}"
    "</tool_call>";

TEST_F(PipelineTest, AChatWithToolsIsAnsweredInTypedPieces) {
  router_.form = {.format = AnswerFormat::kQwen3, .takes_tools = true};
  router_.model.context_length = 1000;
  router_.tokenizer->generation_prompt = "<think>\n";
  router_.generator->reply = {kCall};
  api::ChatRequest request = Chat();
  request.options.request_id = "r1";
  request.tools_json = kTools;
  const auto exchange = pipeline().Start("test", request);
  ASSERT_TRUE(exchange.ok()) << exchange.status();
  const Heard heard = Listen(**exchange);
  EXPECT_EQ(heard.reasoning, "hm");
  EXPECT_EQ(heard.text, "Wait.");
  ASSERT_EQ(heard.calls.size(), 1u);
  EXPECT_EQ(heard.calls[0].index, 0);
  EXPECT_EQ(heard.calls[0].id, "call_r1_0");
  EXPECT_EQ(heard.calls[0].name, "find");
  EXPECT_EQ(heard.calls[0].arguments_json, "{\"q\":1}");
  const std::vector<int32_t> prompt =
      router_.generator->last_attempt().prompt_ids;
  EXPECT_EQ(prompt, IdsOf(std::string(kTools) + "user:hi\n<think>\n"));
}

TEST_F(PipelineTest, WithoutToolsCallsAreText) {
  router_.form = {.format = AnswerFormat::kHermes, .takes_tools = true};
  router_.generator->reply = {kCall};
  const auto exchange = pipeline().Start("test", Chat());
  ASSERT_TRUE(exchange.ok()) << exchange.status();
  const Heard heard = Listen(**exchange);
  EXPECT_EQ(heard.text, kCall);
  EXPECT_EQ(heard.reasoning, "");
  EXPECT_TRUE(heard.calls.empty());
}

TEST_F(PipelineTest, ACompletionIsNeverReadForThoughts) {
  router_.form = {.format = AnswerFormat::kQwen3, .takes_tools = true};
  router_.generator->reply = {"<think>", kCall};
  api::CompletionRequest request;
  request.prompt = "raw<think>";
  const auto exchange = pipeline().Start("test", request);
  ASSERT_TRUE(exchange.ok()) << exchange.status();
  EXPECT_EQ(Listen(**exchange).text, std::string("<think>") + kCall);
}

TEST_F(PipelineTest, ToolsThatTheModelHasNoFormForAreRefused) {
  api::ChatRequest request = Chat();
  request.tools_json = kTools;
  const absl::Status status = StartStatus(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "tools_json: the model has no form for tools, got \"tiny\"");
  EXPECT_EQ(FieldOf(status), "tools_json");
  EXPECT_EQ(pipeline().in_flight(), 0u);
  request.tools_json = " [ ]\n";
  EXPECT_TRUE(StartStatus(request).ok());
}

TEST_F(PipelineTest, CompletionSendsThePromptAsItIs) {
  api::CompletionRequest request;
  request.prompt = "raw";
  const auto exchange = pipeline().Start("test", request);
  ASSERT_TRUE(exchange.ok());
  EXPECT_EQ(router_.generator->last_attempt().prompt_ids, IdsOf("raw"));
  (*exchange)->Cancel();
}

}  // namespace
}  // namespace sluice::gateway
