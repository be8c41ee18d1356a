// The house settings against real sockets: health, reflection, limits, drain.

#include "common/rpc/rpc_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/concurrency/named_thread.h"
#include "common/rpc/status.h"
#include "common/testing/rpc_fixture.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using tokenizer::v1::CountTokensRequest;
using tokenizer::v1::CountTokensResponse;
using tokenizer::v1::TokenizerService;

constexpr Nanos kLong = 30 * kNanosPerSecond;

// CountTokens: "error" fails with details, "hang" stays until cancelled.
class FakeTokenizer final : public TokenizerService::CallbackService {
 public:
  grpc::ServerUnaryReactor* CountTokens(
      grpc::CallbackServerContext* context, const CountTokensRequest* request,
      CountTokensResponse* response) override {
    if (request->text().text() == "hang") {
      auto* hanging = new Hanging();
      started_.Notify();
      return hanging;
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (request->text().text() == "error") {
      reactor->Finish(ToGrpcStatus(FieldError("text", "bad", "error", "")));
    } else {
      response->set_tokens(static_cast<int32_t>(request->text().text().size()));
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }
  absl::Notification& started() { return started_; }

 private:
  class Hanging final : public grpc::ServerUnaryReactor {
   public:
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };
  absl::Notification started_;
};

grpc::Status Count(const std::shared_ptr<grpc::Channel>& channel,
                   const std::string& text, CountTokensResponse* response) {
  grpc::ClientContext context;
  SetTimeout(context, kLong);
  CountTokensRequest request;
  request.mutable_text()->set_text(text);
  return TokenizerService::NewStub(channel)->CountTokens(&context, request,
                                                         response);
}

grpc::Status Check(const std::shared_ptr<grpc::Channel>& channel,
                   const std::string& name, HealthCheckResponse* response) {
  grpc::ClientContext context;
  SetTimeout(context, kLong);
  HealthCheckRequest request;
  request.set_service(name);
  return Health::NewStub(channel)->Check(&context, request, response);
}

TEST(RpcServer, ServesCallsAndCarriesErrorDetails) {
  FakeTokenizer tokenizer;
  RpcFixture fixture({&tokenizer});
  CountTokensResponse response;
  ASSERT_TRUE(Count(fixture.channel(), "four", &response).ok());
  EXPECT_EQ(response.tokens(), 4);
  const absl::Status status =
      FromGrpcStatus(Count(fixture.channel(), "error", &response));
  EXPECT_EQ(status, FieldError("text", "bad", "error", ""));
}

TEST(RpcServer, HealthIsPerNameAndUnknownNamesAreNotFound) {
  RpcFixture fixture({}, {"svc", "model"});
  HealthCheckResponse response;
  for (const char* name : {"", "svc", "model"}) {
    ASSERT_TRUE(Check(fixture.channel(), name, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;
  }
  fixture.server().SetServing("model", false);
  ASSERT_TRUE(Check(fixture.channel(), "model", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check(fixture.channel(), "none", &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST(RpcServer, AWatchSeesEachChangeAndEndsWithTheServer) {
  RpcFixture fixture({}, {"svc"});
  grpc::ClientContext context;
  SetTimeout(context, kLong);
  HealthCheckRequest request;
  request.set_service("svc");
  auto watch = Health::NewStub(fixture.channel())->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  fixture.server().SetServing("svc", false);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  fixture.server().SetServing("svc", true);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  fixture.server().Shutdown(kLong);  // must not wait for the watch
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(RpcServer, AWatchOfAnUnknownNameSaysSoAndHearsOfItLater) {
  RpcFixture fixture({});
  grpc::ClientContext context;
  SetTimeout(context, kLong);
  HealthCheckRequest request;
  request.set_service("late");
  auto watch = Health::NewStub(fixture.channel())->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  fixture.server().SetServing("late", true);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  context.TryCancel();
  while (watch->Read(&response)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(RpcServer, ATakenPortIsAClearErrorAlsoForGrpcOverGrpc) {
  RpcFixture first({});
  RpcServerOptions options;
  options.listen = first.target();
  const absl::Status status =
      RpcServer::Start(options, {}, {}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "listen: cannot open " + first.target() +
                ", got \"Address already in use\"");
}

TEST(RpcServer, ABadAddressIsAClearError) {
  RpcServerOptions options;
  options.listen = "nonsense";
  EXPECT_EQ(RpcServer::Start(options, {}, {}, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RpcServer, MessagesBeyondTheLimitAreRefused) {
  FakeTokenizer tokenizer;
  RpcFixture fixture({&tokenizer});
  ChannelOptions roomy;
  roomy.max_message_bytes = 16 << 20;
  roomy.own_connection = true;
  const auto channel = MakeChannel(fixture.target(), roomy);
  CountTokensResponse response;
  const grpc::Status over =
      Count(channel, std::string((4 << 20) + 1, 'a'), &response);
  EXPECT_EQ(over.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const std::string largest((4 << 20) - 16, 'a');
  ASSERT_TRUE(Count(channel, largest, &response).ok());
  EXPECT_EQ(response.tokens(), static_cast<int>(largest.size()));
}

TEST(RpcServer, ShutdownWaitsForRunningCallsThenCancelsThem) {
  FakeTokenizer tokenizer;
  RpcFixture fixture({&tokenizer});
  grpc::Status hung;
  NamedThread caller("caller", [&] {
    CountTokensResponse response;
    hung = Count(fixture.channel(), "hang", &response);
  });
  tokenizer.started().WaitForNotification();
  fixture.server().Shutdown(50 * kNanosPerMilli);
  caller.Join();
  EXPECT_FALSE(hung.ok());
  CountTokensResponse response;
  EXPECT_EQ(Count(fixture.channel(), "four", &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(RpcServer, DrainingServesCallsButIsNotHealthy) {
  FakeTokenizer tokenizer;
  RpcFixture fixture({&tokenizer}, {"svc"});
  fixture.server().StopServing();
  fixture.server().SetServing(true);  // too late
  HealthCheckResponse health;
  ASSERT_TRUE(Check(fixture.channel(), "svc", &health).ok());
  EXPECT_EQ(health.status(), HealthCheckResponse::NOT_SERVING);
  CountTokensResponse response;
  EXPECT_TRUE(Count(fixture.channel(), "four", &response).ok());
}

TEST(RpcServer, CallsAreCountedByMethodAndCode) {
  FakeTokenizer tokenizer;
  Metrics metrics;
  auto server = RpcServer::Start({}, {&tokenizer}, {}, &metrics);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel =
      MakeChannel("127.0.0.1:" + std::to_string((*server)->port()));
  CountTokensResponse response;
  Count(channel, "a", &response);
  Count(channel, "b", &response);
  Count(channel, "error", &response);
  (*server)->Shutdown(kLong);
  const std::string text = metrics.Serialize();
  const std::string labels =
      "grpc_method=\"CountTokens\","
      "grpc_service=\"sluice.tokenizer.v1.TokenizerService\"";
  EXPECT_NE(text.find("grpc_server_started_total{" + labels + "} 3\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("grpc_server_handled_total{grpc_code=\"OK\"," + labels +
                      "} 2\n"),
            std::string::npos);
  EXPECT_NE(text.find("grpc_server_handled_total{grpc_code=\"INVALID_ARGUMENT"
                      "\"," +
                      labels + "} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("grpc_server_handling_seconds_count{" + labels + "} 3\n"),
            std::string::npos);
}

// The request of reflection v1alpha by hand (list_services = 7, any string):
// its proto must not be compiled in beside gRPC's own.
std::string ListServices(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetTimeout(context, kLong);
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(
      &context,
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  next();
  grpc::Slice bytes(std::string("\x3A\x01*", 3));
  call->Write(grpc::ByteBuffer(&bytes, 1), nullptr);
  next();
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  std::string listed;
  if (next()) {
    grpc::Slice slice;
    if (answer.DumpToSingleSlice(&slice).ok()) {
      listed.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  grpc::Status status;
  call->WritesDone(nullptr);
  next();
  call->Finish(&status, nullptr);
  next();
  queue.Shutdown();
  return listed;
}

TEST(RpcServer, ReflectionListsTheServicesAndHealthUnlessItIsOff) {
  FakeTokenizer tokenizer;
  RpcFixture fixture({&tokenizer});
  const std::string listed = ListServices(fixture.channel());
  EXPECT_NE(listed.find("sluice.tokenizer.v1.TokenizerService"),
            std::string::npos);
  EXPECT_NE(listed.find("grpc.health.v1.Health"), std::string::npos);
  RpcServerOptions options;
  options.reflection = false;
  FakeTokenizer hidden;
  RpcFixture closed({&hidden}, {}, options);
  EXPECT_EQ(ListServices(closed.channel()), "");
}

}  // namespace
}  // namespace sluice
