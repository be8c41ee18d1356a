#include "services/gateway/grpc/gateway_service.h"

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/base/error_info.h"
#include "common/rpc/status.h"
#include "common/testing/rpc_fixture.h"
#include "services/gateway/pipeline/fake_ports.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"

namespace sluice::gateway {
namespace {

namespace pb = v1;

class GatewayServiceTest : public testing::Test {
 protected:
  ~GatewayServiceTest() override { fixture_.reset(); }

  static pb::ChatRequest Chat(const std::string& text = "hi") {
    pb::ChatRequest request;
    request.add_messages()->set_role("user");
    request.mutable_messages(0)->set_content(text);
    return request;
  }
  absl::Status Run(const pb::ChatRequest& request,
                   std::vector<pb::ChatResponse>* responses = nullptr) {
    grpc::ClientContext context;
    const auto reader = stub_->Chat(&context, request);
    pb::ChatResponse response;
    while (reader->Read(&response)) {
      if (responses != nullptr) responses->push_back(response);
    }
    return FromGrpcStatus(reader->Finish());
  }
  // Sends bytes that need not be a message.
  absl::Status RunRaw(const std::string& bytes) {
    grpc::GenericStub stub(fixture_->channel());
    grpc::ClientContext context;
    grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::CompletionQueue queue;
    void* tag = nullptr;
    bool ok = false;
    const auto call = stub.PrepareCall(
        &context, "/sluice.gateway.v1.GatewayService/Chat", &queue);
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    call->WriteLast(request, {}, nullptr);
    queue.Next(&tag, &ok);
    grpc::Status status;
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return FromGrpcStatus(status);
  }
  template <typename Condition>
  bool Eventually(const Condition& condition) {
    const absl::Notification never;
    for (int i = 0; i < 4000; ++i) {
      if (condition()) return true;
      never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
    }
    return false;
  }

  const MonotonicClock clock_;
  FakeRouter router_;
  FakeObserver observer_;
  SystemRandom random_;
  const PresetCatalog presets_ = PresetCatalog::BuiltIn();
  Pipeline pipeline_{PipelineOptions{}, PipelineParts{router_, presets_, clock_,
                                                      random_, observer_}};
  const std::unique_ptr<grpc::Service> service_ = MakeGatewayService(pipeline_);
  std::unique_ptr<RpcFixture> fixture_ =
      std::make_unique<RpcFixture>(std::vector<grpc::Service*>{service_.get()});
  const std::unique_ptr<pb::GatewayService::Stub> stub_ =
      pb::GatewayService::NewStub(fixture_->channel());
};

TEST_F(GatewayServiceTest, ChatStreamsEveryEventInOrder) {
  router_.generator->reply = {"he", "llo"};
  router_.generator->reason = api::FinishReason::kStop;
  pb::ChatRequest request = Chat();
  request.set_preset("speed");
  request.set_request_id("mine");
  std::vector<pb::ChatResponse> responses;
  const absl::Status status = Run(request, &responses);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(responses.size(), 6u);
  EXPECT_TRUE(responses[0].has_queued());
  const pb::Started& started = responses[1].started();
  EXPECT_EQ(started.request_id(), "mine");
  EXPECT_EQ(started.model(), "tiny");
  EXPECT_EQ(started.fingerprint(), "fake");
  EXPECT_TRUE(started.effective_params().has_seed());
  EXPECT_EQ(started.effective_params().top_k(), 30);
  EXPECT_EQ(started.effective_params().temperature(), 0.3f);
  EXPECT_EQ(responses[2].delta().text() + responses[3].delta().text(), "hello");
  EXPECT_EQ(responses[5].finished().reason(),
            generator::v1::FINISH_REASON_STOP);
  EXPECT_EQ(responses[5].finished().usage().generated_tokens(), 6);
  EXPECT_TRUE(responses[5].finished().same_bits());
}

TEST_F(GatewayServiceTest, ThoughtsAndCallsComeAsTypedDeltas) {
  router_.form = {.format = AnswerFormat::kQwen3, .takes_tools = true};
  router_.model.context_length = 1000;
  router_.generator->reply = {"<think>h",
                              "m</think>Wait.<tool_call>{\"name\":\"find\",",
                              "\"arguments\":{\"q\":1}}</tool_call>"};
  pb::ChatRequest request = Chat();
  pb::ChatMessage& called = *request.add_messages();
  called.set_role("assistant");
  called.add_tool_calls()->set_name("find");
  called.mutable_tool_calls(0)->set_arguments_json("{}");
  request.add_messages()->set_role("tool");
  request.mutable_messages(2)->set_content("nothing");
  request.set_request_id("mine");
  request.set_tools_json(R"([{"type":"function","function":{"name":"find"}}])");
  std::vector<pb::ChatResponse> responses;
  const absl::Status status = Run(request, &responses);
  ASSERT_TRUE(status.ok()) << status;
  std::string text;
  std::string reasoning;
  std::vector<pb::ToolCallDelta> calls;
  int tokens = 0;
  for (const pb::ChatResponse& response : responses) {
    text += response.delta().text();
    reasoning += response.delta().reasoning();
    tokens += response.delta().tokens();
    for (const auto& call : response.delta().tool_calls()) {
      calls.push_back(call);
    }
  }
  EXPECT_EQ(reasoning, "hm");
  EXPECT_EQ(text, "Wait.");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].id(), "call_mine_0");
  EXPECT_EQ(calls[0].name(), "find");
  EXPECT_EQ(calls[0].arguments_json(), "{\"q\":1}");
  EXPECT_EQ(tokens + 1, responses.back().finished().usage().generated_tokens());
}

TEST_F(GatewayServiceTest, OnlyTheHeaderOfTheOperatorNamesTheTenant) {
  router_.generator->reply = {"x"};
  const auto trusting = MakeGatewayService(pipeline_, "x-sluice-tenant");
  RpcFixture behind_proxy({trusting.get()});
  const auto call = [this](pb::GatewayService::Stub& stub,
                           std::vector<std::string> tenants) {
    grpc::ClientContext context;
    for (const std::string& tenant : tenants) {
      context.AddMetadata("x-sluice-tenant", tenant);
    }
    const auto reader = stub.Chat(&context, Chat());
    pb::ChatResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish().error_code();
  };
  EXPECT_EQ(call(*stub_, {"evil"}), grpc::StatusCode::OK);
  EXPECT_EQ(router_.generator->last_attempt().handling.tenant, "");
  const auto stub = pb::GatewayService::NewStub(behind_proxy.channel());
  EXPECT_EQ(call(*stub, {"acme"}), grpc::StatusCode::OK);
  EXPECT_EQ(router_.generator->last_attempt().handling.tenant, "acme");
  EXPECT_EQ(call(*stub, {}), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(call(*stub, {"acme", "evil"}), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GatewayServiceTest, CompleteSendsThePromptAsItIs) {
  router_.generator->reply = {"x"};
  pb::CompleteRequest request;
  request.set_prompt("raw");
  grpc::ClientContext context;
  const auto reader = stub_->Complete(&context, request);
  pb::CompleteResponse response;
  int count = 0;
  while (reader->Read(&response)) ++count;
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(count, 5);
  EXPECT_TRUE(response.has_finished());
  EXPECT_EQ(router_.generator->last_attempt().prompt_ids, IdsOf("raw"));
}

TEST_F(GatewayServiceTest, NoPresetMeansNone) {
  router_.generator->reply = {"x"};
  ASSERT_TRUE(Run(Chat()).ok());
  EXPECT_FALSE(router_.generator->last_attempt().params.top_k.has_value());
}

TEST_F(GatewayServiceTest, RefusalNamesTheFieldAsTheMessageHasIt) {
  pb::ChatRequest request = Chat();
  request.mutable_params()->set_temperature(std::nanf(""));
  const absl::Status status = Run(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "params.temperature: out of range, got nan, limit 0 to 100");
  EXPECT_EQ(FieldOf(status), "params.temperature");
  EXPECT_EQ(Run(pb::ChatRequest()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GatewayServiceTest, UnknownFieldInsideParamsIsRefusedByNumber) {
  pb::ChatRequest request = Chat();
  auto& params = *request.mutable_params();
  params.GetReflection()->MutableUnknownFields(&params)->AddVarint(777, 1);
  EXPECT_EQ(Run(request).message(),
            "params: has an unknown field, got number 777, limit the fields "
            "of SamplingParams");
}

TEST_F(GatewayServiceTest, BytesThatAreNoMessageAreInvalidArgument) {
  // messages[0].content of a byte that is not UTF-8.
  const absl::Status not_utf8 =
      RunRaw(std::string("\x12\x09\x0a\x04user\x12\x01\xff", 11));
  EXPECT_EQ(not_utf8.code(), absl::StatusCode::kInvalidArgument) << not_utf8;
  EXPECT_EQ(RunRaw("\xff\xff").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(observer_.records().size(), 2u);
}

TEST_F(GatewayServiceTest, OverloadCarriesARetryDelay) {
  router_.failure = absl::ResourceExhaustedError("full");
  const absl::Status status = Run(Chat());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryDelayOf(status), kNanosPerSecond);
}

TEST_F(GatewayServiceTest, FailureAfterTheStartIsTheStatus) {
  router_.generator->reply = {"he"};
  router_.generator->failure = absl::UnavailableError("gone");
  std::vector<pb::ChatResponse> responses;
  const absl::Status status = Run(Chat(), &responses);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(responses.size(), 3u);
}

TEST_F(GatewayServiceTest, WhoTakesNothingFindsTheReasonInTheStatus) {
  Pipeline impatient(
      PipelineOptions{.slow_reader_timeout_ms = 1},
      PipelineParts{router_, presets_, clock_, random_, observer_});
  const auto service = MakeGatewayService(impatient);
  RpcFixture fixture({service.get()});
  const auto stub = pb::GatewayService::NewStub(fixture.channel());
  // Too much for what lies between: the request must be paused.
  router_.model.context_length = 1 << 20;
  router_.generator->reply.emplace(20'000, std::string(1'000, 'x'));
  grpc::ClientContext context;
  const auto reader = stub->Chat(&context, Chat());
  ASSERT_TRUE(Eventually([&] {
    if (impatient.paused() > 0) impatient.Tick();
    return !observer_.records().empty();
  }));
  EXPECT_EQ(observer_.records()[0].code, absl::StatusCode::kResourceExhausted);
  pb::ChatResponse response;
  int responses = 0;
  while (reader->Read(&response)) ++responses;
  EXPECT_GE(responses, 1);
  EXPECT_LT(responses, 20'000);
  const absl::Status status = FromGrpcStatus(reader->Finish());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(ReasonOf(status), "SLOW_READER");
}

TEST_F(GatewayServiceTest, CancelOfTheRpcCancelsTheGenerator) {
  grpc::ClientContext context;
  const auto reader = stub_->Chat(&context, Chat());
  ASSERT_TRUE(
      Eventually([&] { return router_.generator->last_stream() != nullptr; }));
  const auto stream = router_.generator->last_stream();
  stream->Push(AttemptStarted{});
  pb::ChatResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_FALSE(stream->cancelled());
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return stream->cancelled(); }));
  EXPECT_TRUE(Eventually([&] { return pipeline_.in_flight() == 0; }));
}

TEST_F(GatewayServiceTest, CancelWhileTokenizingCancelsTheTokenizer) {
  router_.tokenizer->held = true;
  grpc::ClientContext context;
  const auto reader = stub_->Chat(&context, Chat());
  ASSERT_TRUE(Eventually([&] { return pipeline_.in_flight() == 1; }));
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return pipeline_.in_flight() == 0; }));
  EXPECT_TRUE(router_.tokenizer->last_call->cancelled());
}

TEST_F(GatewayServiceTest, DeadlineOfTheClientBecomesTheAttempts) {
  grpc::ClientContext context;
  SetTimeout(context, 40 * kNanosPerSecond);
  const auto reader = stub_->Chat(&context, Chat());
  ASSERT_TRUE(
      Eventually([&] { return router_.generator->last_stream() != nullptr; }));
  const Nanos left = router_.generator->last_attempt().deadline - clock_.Now();
  // gRPC rounds the deadline that it sends up, and without one the attempt
  // would have minutes.
  EXPECT_LE(left, 50 * kNanosPerSecond);
  EXPECT_GT(left, 10 * kNanosPerSecond);
  context.TryCancel();
  reader->Finish();
}

TEST_F(GatewayServiceTest, ModelsAreListed) {
  grpc::ClientContext context;
  pb::ListModelsResponse response;
  ASSERT_TRUE(stub_->ListModels(&context, {}, &response).ok());
  ASSERT_EQ(response.models_size(), 1);
  EXPECT_EQ(response.models(0).name(), "tiny");
  EXPECT_EQ(response.models(0).context_length(), 100);
  EXPECT_TRUE(response.models(0).chat());
}

}  // namespace
}  // namespace sluice::gateway
