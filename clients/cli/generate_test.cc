#include "clients/cli/generate.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/testing/rpc_fixture.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"

namespace sluice::cli {
namespace {

namespace pb = gateway::v1;

// Answers every request with the same events and remembers the request.
class FakeGateway final : public pb::GatewayService::Service {
 public:
  grpc::Status Chat(grpc::ServerContext* context,
                    const pb::ChatRequest* request,
                    grpc::ServerWriter<pb::ChatResponse>* writer) override {
    chat = *request;
    return Answer(*context, *writer);
  }
  grpc::Status Complete(
      grpc::ServerContext* context, const pb::CompleteRequest* request,
      grpc::ServerWriter<pb::CompleteResponse>* writer) override {
    complete = *request;
    return Answer(*context, *writer);
  }

  // Called after the first text; set before the call.
  std::function<void(grpc::ServerContext&)> in_the_middle = [](auto&) {};
  grpc::Status result;
  pb::ChatRequest chat;
  pb::CompleteRequest complete;

 private:
  template <typename Response>
  grpc::Status Answer(grpc::ServerContext& context,
                      grpc::ServerWriter<Response>& writer) {
    Response response;
    response.mutable_queued()->set_position(2);
    writer.Write(response);
    response.mutable_started()->set_prompt_tokens(12);
    response.mutable_started()->set_cached_tokens(8);
    writer.Write(response);
    response.mutable_progress()->set_prompt_tokens_done(6);
    writer.Write(response);
    response.mutable_delta()->set_text("Hello, ");
    writer.Write(response);
    in_the_middle(context);
    if (!result.ok()) return result;
    response.mutable_delta()->set_text("w\xC3\xB6rld\x1b[2J");
    writer.Write(response);
    pb::Finished& finished = *response.mutable_finished();
    finished.set_reason(generator::v1::FINISH_REASON_EOS);
    finished.mutable_usage()->set_prompt_tokens(12);
    finished.mutable_usage()->set_generated_tokens(5);
    finished.mutable_timings()->set_decode_seconds(2);
    writer.Write(response);
    return grpc::Status::OK;
  }
};

class GenerateTest : public testing::Test {
 protected:
  GenerateTest() : server_({&gateway_}) { options_.server = server_.target(); }

  absl::Status Run(const std::string& prompt = "Hi", Terminals terminals = {}) {
    Output output{out_, err_, terminals};
    return Generate(options_, prompt, stop_, clock_, output);
  }

  StopSignal stop_;  // before the server's threads
  FakeGateway gateway_;
  RpcFixture server_;
  FakeClock clock_;
  GenerateOptions options_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(GenerateTest, WritesTheTextAndNothingElseToAPipe) {
  const absl::Status status = Run();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(out_.str(), "Hello, w\xC3\xB6rld\x1b[2J\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(GenerateTest, TerminalIsSafeFromControlCharacters) {
  ASSERT_TRUE(Run("Hi", {.out = true, .err = false}).ok());
  EXPECT_EQ(out_.str(), "Hello, w\xC3\xB6rld\xEF\xBF\xBD[2J\n");
}

TEST_F(GenerateTest, TerminalSeesTheQueueAndTheCounts) {
  ASSERT_TRUE(Run("Hi", {.out = false, .err = true}).ok());
  const std::string err = err_.str();
  EXPECT_NE(err.find("waiting, 2 ahead"), std::string::npos) << err;
  EXPECT_NE(err.find("reading the prompt, 6 of 12 tokens"), std::string::npos);
  EXPECT_NE(err.find("5 tokens in 0.00 s (2.0/s), first text after 0.00 s, "
                     "prompt 12 (8 cached), end of text"),
            std::string::npos)
      << err;
}

TEST_F(GenerateTest, JsonIsOneEventALine) {
  options_.json = true;
  ASSERT_TRUE(Run().ok());
  std::istringstream lines(out_.str());
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    ASSERT_EQ(event.size(), 1) << line;
    events.push_back(event.begin().key());
  }
  EXPECT_EQ(events, (std::vector<std::string>{"queued", "started", "progress",
                                              "delta", "delta", "finished"}));
}

TEST_F(GenerateTest, ChatSendsMessagesAndOnlyTheParametersThatWereGiven) {
  options_.system = "Be short.";
  options_.preset = "speed";
  options_.params.set_temperature(0);
  options_.params.add_stop("END");
  ASSERT_TRUE(Run("Who?").ok());
  ASSERT_EQ(gateway_.chat.messages_size(), 2);
  EXPECT_EQ(gateway_.chat.messages(0).role(), "system");
  EXPECT_EQ(gateway_.chat.messages(0).content(), "Be short.");
  EXPECT_EQ(gateway_.chat.messages(1).role(), "user");
  EXPECT_EQ(gateway_.chat.messages(1).content(), "Who?");
  EXPECT_EQ(gateway_.chat.preset(), "speed");
  EXPECT_TRUE(gateway_.chat.params().has_temperature());
  EXPECT_FALSE(gateway_.chat.params().has_top_p());
  EXPECT_EQ(gateway_.chat.params().stop(0), "END");
}

TEST_F(GenerateTest, CompleteSendsThePromptAsItStands) {
  options_.chat = false;
  ASSERT_TRUE(Run("Once").ok());
  EXPECT_EQ(gateway_.complete.prompt(), "Once");
  options_.system = "x";
  EXPECT_EQ(Run("Once").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GenerateTest, ErrorOfTheGatewayComesBackWithItsSentence) {
  gateway_.result = {grpc::StatusCode::INVALID_ARGUMENT,
                     "params.top_p: out of range, got 2, limit (0, 1]"};
  const absl::Status status = Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "params.top_p: out of range, got 2, limit (0, 1]");
  EXPECT_EQ(out_.str(), "Hello, \n");
}

TEST_F(GenerateTest, StopCancelsTheCallAtTheServer) {
  bool cancelled = false;
  gateway_.in_the_middle = [this, &cancelled](grpc::ServerContext& context) {
    stop_.Request();
    while (!context.IsCancelled()) std::this_thread::yield();
    cancelled = true;
  };
  const absl::Status status = Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(status.message(), "interrupted");
  server_.server().Shutdown(kNanosPerSecond);
  EXPECT_TRUE(cancelled);
}

TEST_F(GenerateTest, BadTextsAreRefusedBeforeTheCall) {
  EXPECT_EQ(Run("").message(),
            "prompt: it is empty, got 0 bytes, limit at "
            "least 1");
  EXPECT_EQ(Run("\xff").message(), "prompt: not valid UTF-8");
  EXPECT_EQ(gateway_.chat.messages_size(), 0);
}

TEST_F(GenerateTest, DeadServerIsUnavailable) {
  server_.server().Shutdown(0);
  EXPECT_EQ(Run().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace sluice::cli
