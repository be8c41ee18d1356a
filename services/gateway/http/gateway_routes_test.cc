#include "services/gateway/http/gateway_routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/testing/http_client.h"
#include "services/gateway/pipeline/fake_ports.h"

namespace sluice::gateway {
namespace {

using Json = nlohmann::json;

const HttpHeaders kJsonType = {{"Content-Type", "application/json"}};

class GatewayRoutesTest : public testing::Test {
 protected:
  GatewayRoutesTest() {
    auto server = HttpServer::Start(
        {},
        GatewayRoutes({.pipeline = pipeline_, .clock = clock_, .ready = [this] {
                         return router_.failure;
                       }}));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  ~GatewayRoutesTest() override {
    pipeline_.BeginDrain();
    server_->Shutdown(0);
    pipeline_.CancelAll();
  }

  HttpClient Client() { return *HttpClient::Connect(server_->port()); }
  HttpReply Post(const std::string& path, const Json& body) {
    return PostRaw(path, body.dump());
  }
  HttpReply PostRaw(const std::string& path, const std::string& body,
                    const HttpHeaders& headers = kJsonType) {
    auto reply = Client().Call("POST", path, body, headers);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : HttpReply{};
  }
  HttpReply Get(const std::string& path) {
    auto reply = Client().Call("GET", path);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : HttpReply{};
  }
  // A stream whose head has been read.
  HttpClient Stream(const std::string& path, const Json& body) {
    HttpClient client = Client();
    EXPECT_TRUE(client.Send("POST", path, body.dump(), kJsonType).ok());
    return client;
  }
  std::vector<SseFrame> Frames(const std::string& path, const Json& body) {
    HttpClient client = Stream(path, body);
    const auto head = client.ReadHead();
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->header("content-type"), "text/event-stream");
    std::vector<SseFrame> frames;
    while (true) {
      const auto frame = client.ReadEvent();
      EXPECT_TRUE(frame.ok()) << frame.status();
      if (!frame.ok() || !frame->has_value()) return frames;
      frames.push_back(**frame);
    }
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
  std::unique_ptr<HttpServer> server_;
};

TEST_F(GatewayRoutesTest, HealthSaysTheModelOrWhatIsMissing) {
  HttpReply reply = Get("/health");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(Json::parse(reply.body),
            (Json{{"status", "healthy"}, {"model", "tiny"}}));
  router_.failure = absl::UnavailableError("gateway: no generator is healthy");
  reply = Get("/health");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(Json::parse(reply.body)["status"], "unavailable");
}

TEST_F(GatewayRoutesTest, ChatAnswersWithTextTimesAndUsage) {
  router_.generator->reply = {"he", "llo\n"};
  const HttpReply reply =
      Post("/chat", {{"prompt", "hi"}, {"seed", 7}, {"request_id", "mine"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json body = Json::parse(reply.body);
  EXPECT_EQ(body["response"], "hello\n");
  EXPECT_EQ(body["token_count"], 7);
  EXPECT_EQ(body["model"], "tiny");
  EXPECT_EQ(body["request_id"], "mine");
  EXPECT_EQ(body["finish_reason"], "eos");
  EXPECT_EQ(body["seed"], 7);
  EXPECT_EQ(body["prompt_tokens"], body["usage"]["prompt_tokens"]);
  EXPECT_TRUE(body["time_cost_ms"].is_number_integer());
  const std::string cost = body["time_cost"];
  EXPECT_EQ(cost.back(), 's');
  // Balanced, since no preset was named.
  EXPECT_EQ(router_.generator->last_attempt().params.top_k, 40);
}

TEST_F(GatewayRoutesTest, OnlyTheHeaderOfTheOperatorNamesTheTenant) {
  router_.generator->reply = {"x"};
  const std::string body = Json{{"prompt", "hi"}}.dump();
  HttpHeaders evil = kJsonType;
  evil.emplace_back("X-Sluice-Tenant", "evil");
  EXPECT_EQ(PostRaw("/chat", body, evil).status, 200);
  EXPECT_EQ(router_.generator->last_attempt().handling.tenant, "");

  auto trusting = HttpServer::Start(
      {}, GatewayRoutes({.pipeline = pipeline_,
                         .clock = clock_,
                         .ready = [] { return absl::OkStatus(); },
                         .tenant_header = "x-sluice-tenant"}));
  ASSERT_TRUE(trusting.ok()) << trusting.status();
  const auto post = [&](const std::string& path, const HttpHeaders& headers) {
    HttpClient client = *HttpClient::Connect((*trusting)->port());
    return client.Call("POST", path, body, headers)->status;
  };
  HttpHeaders acme = kJsonType;
  acme.emplace_back("X-Sluice-Tenant", "acme");
  EXPECT_EQ(post("/chat", acme), 200);
  EXPECT_EQ(router_.generator->last_attempt().handling.tenant, "acme");
  EXPECT_EQ(post("/chat", kJsonType), 401);
  EXPECT_EQ(post("/chat_stream", kJsonType), 401);
  acme.emplace_back("x-sluice-tenant", "evil");
  EXPECT_EQ(post("/chat", acme), 400);
  (*trusting)->Shutdown(0);
}

TEST_F(GatewayRoutesTest, WhoTakesNothingFindsTheReasonAtTheEndOfTheStream) {
  Pipeline impatient(
      PipelineOptions{.slow_reader_timeout_ms = 1},
      PipelineParts{router_, presets_, clock_, random_, observer_});
  auto server = HttpServer::Start(
      {}, GatewayRoutes({.pipeline = impatient, .clock = clock_, .ready = [] {
                           return absl::OkStatus();
                         }}));
  ASSERT_TRUE(server.ok()) << server.status();
  // Too much for what lies between: the request must be paused.
  router_.model.context_length = 1 << 20;
  router_.generator->reply.emplace(20'000, std::string(1'000, 'x'));
  HttpClient client = *HttpClient::Connect((*server)->port());
  ASSERT_TRUE(client
                  .Send("POST", "/chat_stream", Json{{"prompt", "hi"}}.dump(),
                        kJsonType)
                  .ok());
  ASSERT_TRUE(Eventually([&] {
    // A second read comes once the stream has begun; before, the request
    // would end with an error response.
    const auto stream = router_.generator->last_stream();
    const bool begun = stream != nullptr && stream->reads() > 1;
    if (begun && impatient.paused() > 0) impatient.Tick();
    return !observer_.records().empty();
  }));
  EXPECT_EQ(observer_.records()[0].code, absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(client.ReadHead().ok());
  std::vector<SseFrame> frames;
  while (true) {
    const auto frame = client.ReadEvent();
    ASSERT_TRUE(frame.ok()) << frame.status();
    if (!frame->has_value()) break;
    frames.push_back(**frame);
  }
  ASSERT_GE(frames.size(), 1u);
  EXPECT_LT(frames.size(), 20'000u);
  EXPECT_EQ(frames.back().event, "error");
  EXPECT_EQ(Json::parse(frames.back().data)["error"]["code"], "slow_reader");
  (*server)->Shutdown(0);
}

TEST_F(GatewayRoutesTest, StreamGivesTheTextThenDone) {
  router_.generator->reply = {" he", "l\nlo", "\n", "a\r"};
  const auto frames = Frames("/chat_stream", {{"prompt", "hi"}});
  ASSERT_EQ(frames.size(), 5u);
  EXPECT_EQ(frames[0].data, " he");
  EXPECT_EQ(frames[1].data, "l\nlo");
  EXPECT_EQ(frames[2].data, "\n");
  EXPECT_EQ(frames[3].event, "text_json");
  EXPECT_EQ(frames[3].data, "\"a\\r\"");
  EXPECT_EQ(frames[4].event, "done");
  const Json done = Json::parse(frames[4].data);
  EXPECT_EQ(done["token_count"], 11);
  EXPECT_FALSE(done.contains("response"));
}

TEST_F(GatewayRoutesTest, ThoughtsStandBesideTheAnswer) {
  router_.form = {.format = AnswerFormat::kQwen3};
  router_.generator->reply = {"<think>h", "m\n</think>yes"};
  Json body = Json::parse(Post("/chat", {{"prompt", "hi"}}).body);
  EXPECT_EQ(body["response"], "yes");
  EXPECT_EQ(body["reasoning"], "hm");
  std::string text;
  std::string reasoning;
  for (const SseFrame& frame : Frames("/chat_stream", {{"prompt", "hi"}})) {
    if (frame.event == "reasoning") {
      reasoning += Json::parse(frame.data).get<std::string>();
    } else if (frame.event != "done") {
      text += frame.data;
    }
  }
  EXPECT_EQ(text, "yes");
  EXPECT_EQ(reasoning, "hm");
  const Json chat = {{"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body = Json::parse(Post("/v1/chat/completions", chat).body);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "yes");
  EXPECT_EQ(body["choices"][0]["message"]["reasoning_content"], "hm");
  Json stream = chat;
  stream["stream"] = true;
  text.clear();
  reasoning.clear();
  for (const SseFrame& frame : Frames("/v1/chat/completions", stream)) {
    if (frame.data == "[DONE]") break;
    const Json delta = Json::parse(frame.data)["choices"][0]["delta"];
    text += delta.value("content", "");
    reasoning += delta.value("reasoning_content", "");
  }
  EXPECT_EQ(text, "yes");
  EXPECT_EQ(reasoning, "hm");
}

TEST_F(GatewayRoutesTest, AnswersWithoutThoughtsSayNothingOfThem) {
  router_.generator->reply = {"yes"};
  EXPECT_FALSE(Json::parse(Post("/chat", {{"prompt", "hi"}}).body)
                   .contains("reasoning"));
}

TEST_F(GatewayRoutesTest, FailureBeforeTheFirstEventIsAnErrorResponse) {
  router_.tokenizer->failure = absl::UnavailableError("gone");
  const HttpReply reply = Post("/chat_stream", {{"prompt", "hi"}});
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("retry-after"), "1");
  EXPECT_EQ(Json::parse(reply.body)["error"]["message"], "tokenizer: gone");
}

TEST_F(GatewayRoutesTest, FailureAfterTheStartIsOneErrorEventAndNoDone) {
  router_.generator->reply = {"he"};
  router_.generator->failure = absl::UnavailableError("gone");
  auto frames = Frames("/chat_stream", {{"prompt", "hi"}});
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1].event, "error");
  EXPECT_EQ(Json::parse(frames[1].data)["error"]["message"], "generator: gone");
  frames = Frames(
      "/v1/chat/completions",
      {{"messages", {{{"role", "user"}, {"content", "a"}}}}, {"stream", true}});
  EXPECT_EQ(frames.back().event, "");
  EXPECT_TRUE(Json::parse(frames.back().data).contains("error"));
  const HttpReply whole = Post("/chat", {{"prompt", "hi"}});
  EXPECT_EQ(whole.status, 503);
}

TEST_F(GatewayRoutesTest, OpenAiChatWholeAndStreamedSayTheSame) {
  router_.generator->reply = {"he", "llo"};
  router_.generator->reason = api::FinishReason::kLength;
  Json body = {{"model", "tiny"},
               {"messages", {{{"role", "user"}, {"content", "a"}}}}};
  const Json whole = Json::parse(Post("/v1/chat/completions", body).body);
  EXPECT_EQ(whole["object"], "chat.completion");
  EXPECT_EQ(whole["choices"][0]["message"]["content"], "hello");
  EXPECT_EQ(whole["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(whole["usage"]["completion_tokens"], 6);
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const auto frames = Frames("/v1/chat/completions", body);
  ASSERT_GE(frames.size(), 4u);
  EXPECT_EQ(frames.back().data, "[DONE]");
  std::string text;
  Json last;
  for (size_t i = 0; i + 1 < frames.size(); ++i) {
    last = Json::parse(frames[i].data);
    EXPECT_EQ(last["object"], "chat.completion.chunk");
    if (last["choices"].empty()) continue;
    text += last["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "hello");
  EXPECT_TRUE(last["choices"].empty());
  EXPECT_EQ(last["usage"], whole["usage"]);
}

TEST_F(GatewayRoutesTest, OpenAiCompletionsContinueThePrompt) {
  router_.generator->reply = {"x"};
  const Json whole =
      Json::parse(Post("/v1/completions", {{"prompt", "raw"}}).body);
  EXPECT_EQ(whole["object"], "text_completion");
  EXPECT_EQ(whole["choices"][0]["text"], "x");
  EXPECT_EQ(router_.generator->last_attempt().prompt_ids, IdsOf("raw"));
  EXPECT_FALSE(router_.generator->last_attempt().params.top_k.has_value());
  const auto frames =
      Frames("/v1/completions", {{"prompt", "raw"}, {"stream", true}});
  EXPECT_EQ(Json::parse(frames[0].data)["choices"][0]["text"], "x");
  EXPECT_EQ(frames.back().data, "[DONE]");
}

TEST_F(GatewayRoutesTest, ModelsAreListedAndFound) {
  const Json list = Json::parse(Get("/v1/models").body);
  EXPECT_EQ(list["data"][0]["id"], "tiny");
  EXPECT_EQ(Get("/v1/models/tiny").status, 200);
  const HttpReply other = Get("/v1/models/gpt");
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(Json::parse(other.body)["error"]["code"], "model_not_found");
}

TEST_F(GatewayRoutesTest, RefusalsSayFieldTypeAndStatus) {
  HttpReply reply = Post("/chat", {{"prompt", "hi"}, {"max_tokens", 0}});
  EXPECT_EQ(reply.status, 400);
  Json error = Json::parse(reply.body)["error"];
  EXPECT_EQ(error["param"], "max_tokens");
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["message"],
            "max_tokens: out of range, got 0, limit 1 to 2147483647");
  reply = Post("/chat", {{"prompt", ""}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(Json::parse(reply.body)["error"]["param"], "prompt");
  reply = Post("/chat", {{"prompt", std::string(200, 'x')}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(Json::parse(reply.body)["error"]["code"],
            "context_length_exceeded");
  EXPECT_EQ(Post("/chat", {{"prompt", "a"}, {"preset", "x"}}).status, 404);
  EXPECT_EQ(Post("/chat", {{"prompt", "a"}, {"model", "x"}}).status, 404);
  EXPECT_EQ(PostRaw("/chat", "{").status, 400);
  EXPECT_EQ(PostRaw("/chat", "{}", {}).status, 415);
  EXPECT_EQ(PostRaw("/chat", "{\"prompt\":\"\xff\"}").status, 400);
  EXPECT_EQ(Get("/chat").status, 405);
  EXPECT_EQ(Get("/nothing").status, 404);
  EXPECT_EQ(observer_.records().size(), 8u);
}

TEST_F(GatewayRoutesTest, BodyOverTheLimitIs413AndOneAtTheLimitIsRead) {
  const size_t frame = std::string("{\"prompt\":\"\"}").size();
  const std::string text(4 * 1024 * 1024 - frame, 'x');
  const std::string at_limit = "{\"prompt\":\"" + text + "\"}";
  EXPECT_EQ(PostRaw("/chat", at_limit).status, 400);
  EXPECT_EQ(PostRaw("/chat", at_limit + " ").status, 413);
}

TEST_F(GatewayRoutesTest, OverloadIs429WithRetryAfter) {
  router_.failure = absl::ResourceExhaustedError("full");
  const HttpReply reply = Post("/chat", {{"prompt", "hi"}});
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.header("retry-after"), "1");
}

TEST_F(GatewayRoutesTest, ClientThatLeavesCancelsInEveryStage) {
  enum { kTokenizing, kQueued, kPrefill, kDecode, kWhole };
  for (const int stage : {kTokenizing, kQueued, kPrefill, kDecode, kWhole}) {
    router_.tokenizer->held = stage == kTokenizing;
    const char* path = stage == kWhole ? "/chat" : "/chat_stream";
    HttpClient client = Stream(path, {{"prompt", "hi"}});
    ASSERT_TRUE(Eventually([&] { return pipeline_.in_flight() == 1; }));
    if (stage != kTokenizing) {
      ASSERT_TRUE(Eventually(
          [&] { return router_.generator->last_stream() != nullptr; }));
      const auto stream = router_.generator->last_stream();
      stream->Push(api::Queued{});
      if (stage >= kPrefill) stream->Push(AttemptStarted{});
      if (stage == kDecode) stream->Push(TokenDelta{.ids = IdsOf("a")});
      if (stage != kWhole) {
        ASSERT_TRUE(client.ReadHead().ok());
      }
      ASSERT_FALSE(stream->cancelled());
    }
    client.Reset();
    EXPECT_TRUE(Eventually([&] { return pipeline_.in_flight() == 0; }))
        << "stage " << stage;
    EXPECT_EQ(observer_.records().back().code, absl::StatusCode::kCancelled);
    router_.generator = std::make_shared<FakeGenerator>();
  }
}

TEST_F(GatewayRoutesTest, SlowReaderHoldsBackTheGeneratorAndLosesNothing) {
  HttpClient client = Stream("/chat_stream", {{"prompt", "hi"}});
  ASSERT_TRUE(
      Eventually([&] { return router_.generator->last_stream() != nullptr; }));
  const auto stream = router_.generator->last_stream();
  stream->Push(AttemptStarted{});
  // More than the kernel's buffers and ours hold.
  constexpr int kDeltas = 400;
  const std::string text(64 * 1024, 'y');
  for (int i = 0; i < kDeltas; ++i) {
    stream->Push(TokenDelta{.ids = IdsOf(text)});
  }
  stream->Push(TokenDelta{.finish = SequenceFinish{}});
  stream->Push(AttemptFinished{});
  stream->Finish();
  int reads = -1;
  ASSERT_TRUE(Eventually([&] {
    const bool still = stream->reads() == reads && reads > 0;
    reads = stream->reads();
    return still;
  }));
  EXPECT_LT(reads, kDeltas);
  ASSERT_TRUE(client.ReadHead().ok());
  size_t bytes = 0;
  std::string last;
  while (true) {
    const auto frame = client.ReadEvent();
    ASSERT_TRUE(frame.ok()) << frame.status();
    if (!frame->has_value()) break;
    last = (*frame)->event;
    if (last.empty()) bytes += (*frame)->data.size();
  }
  EXPECT_EQ(last, "done");
  EXPECT_EQ(bytes, kDeltas * text.size());
}

TEST_F(GatewayRoutesTest, ReaderThatLeavesWhileHeldBackLeavesNothingBehind) {
  std::weak_ptr<FakeStream> left;
  {
    HttpClient client = Stream("/chat_stream", {{"prompt", "hi"}});
    ASSERT_TRUE(Eventually(
        [&] { return router_.generator->last_stream() != nullptr; }));
    const auto stream = router_.generator->last_stream();
    left = stream;
    stream->Push(AttemptStarted{});
    const std::string text(64 * 1024, 'y');
    for (int i = 0; i < 400; ++i) {
      stream->Push(TokenDelta{.ids = IdsOf(text)});
    }
    int reads = -1;
    ASSERT_TRUE(Eventually([&] {
      const bool still = stream->reads() == reads && reads > 0;
      reads = stream->reads();
      return still;
    }));
    client.Reset();
    EXPECT_TRUE(Eventually([&] { return pipeline_.in_flight() == 0; }));
    EXPECT_TRUE(stream->cancelled());
    router_.generator.reset();
  }
  EXPECT_TRUE(Eventually([&] { return left.expired(); }));
}

}  // namespace
}  // namespace sluice::gateway
