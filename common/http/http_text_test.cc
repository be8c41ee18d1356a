// The pure parts: heads, routes, errors, events.

#include <gtest/gtest.h>

#include <string>

#include "common/base/error_info.h"
#include "common/http/http_error.h"
#include "common/http/http_head.h"
#include "common/http/http_outbox.h"
#include "common/http/http_routes.h"

namespace sluice {
namespace {

TEST(HttpError, IsJsonInTheShapeOfOpenAi) {
  const absl::Status status =
      WithReason(FieldError("top_p", "bad \"x\"", "2", "1"), "OUT_OF_RANGE");
  EXPECT_EQ(ErrorJson(status),
            "{\"error\":{\"message\":\"top_p: bad \\\"x\\\", got 2, limit 1\","
            "\"type\":\"invalid_request_error\",\"code\":\"out_of_range\","
            "\"param\":\"top_p\"}}");
  EXPECT_EQ(ErrorJson(WithRetryDelay(absl::ResourceExhaustedError("full"),
                                     kNanosPerMilli * 3 / 2)),
            R"({"error":{"message":"full","type":"rate_limit_error",)"
            R"("code":null,"param":null,"retry_after_ms":2}})");
  EXPECT_EQ(ErrorJson(absl::InternalError("x")),
            "{\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"code\":"
            "null,\"param\":null}}");
}

TEST(HttpError, RetryAfterIsWholeSecondsRoundedUpAndAtLeastOne) {
  const auto seconds = [](Nanos delay) {
    const HttpResponse response = ErrorResponse(
        WithRetryDelay(absl::ResourceExhaustedError("full"), delay));
    EXPECT_EQ(response.status, 429);
    return response.headers.at(0).second;
  };
  EXPECT_EQ(seconds(0), "1");
  EXPECT_EQ(seconds(kNanosPerSecond), "1");
  EXPECT_EQ(seconds(kNanosPerSecond + 1), "2");
}

TEST(SseEvent, MakesOneDataLinePerLineHoweverItEnds) {
  EXPECT_EQ(SseEvent("", "a\nb\r\nc\rd"),
            "data: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(SseEvent("done", "{}"), "event: done\ndata: {}\n\n");
  EXPECT_EQ(SseEvent("", "\n"), "data: \ndata: \n\n");
  EXPECT_EQ(SseEvent("", ""), "data: \n\n");
}

TEST(HttpHead, AnswersWithoutABodyHaveNoLength) {
  HttpResponse response;
  response.status = 204;
  const std::string text = SerializeResponse(response, {});
  EXPECT_EQ(text.find("Content-Length"), std::string::npos);
  EXPECT_TRUE(text.starts_with("HTTP/1.1 204 No Content\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(HttpHead, HeadKeepsTheLengthAndDropsTheBody) {
  HttpResponse response;
  response.body = "12345";
  const std::string text = SerializeResponse(response, {.head_only = true});
  EXPECT_NE(text.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(HttpHead, PiecesAreChunksOrPlainForOldClients) {
  EXPECT_EQ(SerializePiece("hello, world 1234", {}),
            "11\r\nhello, world 1234\r\n");
  EXPECT_EQ(SerializePiece("abc", {.http_1_0 = true}), "abc");
  EXPECT_EQ(SerializePiece("abc", {.head_only = true}), "");
  EXPECT_EQ(SerializeStreamEnd({}), "0\r\n\r\n");
  EXPECT_EQ(SerializeStreamEnd({.http_1_0 = true}), "");
}

TEST(HttpHeadDeathTest, AHeaderCannotBreakTheHeadApart) {
  HttpResponse response;
  response.headers.emplace_back("X", "a\r\nSet-Cookie: b");
  EXPECT_DEATH(SerializeResponse(response, {}), "break the head apart");
}

HttpRequest Get(const std::string& path) {
  HttpRequest request;
  request.method = "GET";
  request.path = path;
  return request;
}

// Remembers the answer.
class FakeExchange final : public HttpExchange {
 public:
  const HttpRequest& request() const override { return request_; }
  void Respond(HttpResponse response) override { answer = response; }
  void BeginStream(HttpResponse) override {}
  absl::Status Write(std::string_view) override { return absl::OkStatus(); }
  void OnDrained(std::function<void()>) override {}
  void End() override {}
  void EndWith(std::string_view) override {}
  void Abort() override {}
  void OnClosed(std::function<void()>) override {}
  bool closed() const override { return false; }
  HttpResponse answer;

 private:
  HttpRequest request_;
};

HttpResponse Answer(const HttpRoutes& routes, HttpRequest& request) {
  auto exchange = std::make_shared<FakeExchange>();
  routes.Find(request)(exchange);
  return exchange->answer;
}

HttpHandler Says(const std::string& body) {
  return [body](std::shared_ptr<HttpExchange> exchange) {
    HttpResponse response;
    response.body = body;
    exchange->Respond(response);
  };
}

TEST(HttpRoutes, ExactPathsWinOverPrefixesAndLongPrefixesOverShort) {
  const HttpRoutes routes({{"GET", "/a/b", Says("exact")},
                           {"GET", "/a/*", Says("short")},
                           {"GET", "/a/c/*", Says("long")}});
  HttpRequest exact = Get("/a/b");
  EXPECT_EQ(Answer(routes, exact).body, "exact");
  HttpRequest tail = Get("/a/x/y");
  EXPECT_EQ(Answer(routes, tail).body, "short");
  EXPECT_EQ(tail.path_tail, "x/y");
  HttpRequest deep = Get("/a/c/d");
  EXPECT_EQ(Answer(routes, deep).body, "long");
  EXPECT_EQ(deep.path_tail, "d");
  for (const char* path : {"/", "/a", "/a/", "/ab", "/A/b", "/x"}) {
    HttpRequest none = Get(path);
    EXPECT_EQ(Answer(routes, none).status, 404) << path;
  }
}

TEST(HttpRoutes, OtherMethodsAreToldWhichAreAllowed) {
  const HttpRoutes routes(
      {{"GET", "/a", Says("get")}, {"POST", "/a", Says("post")}});
  HttpRequest put = Get("/a");
  put.method = "PUT";
  const HttpResponse response = Answer(routes, put);
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.at(0),
            (std::pair<std::string, std::string>("Allow", "GET, HEAD, POST")));
  put.method = "HEAD";
  EXPECT_EQ(Answer(routes, put).body, "get");
}

class OutboxTest : public ::testing::Test {
 protected:
  HttpOutbox outbox_{{}, 100, [] { return true; }, [this] { ++wakes_; }};
  int wakes_ = 0;
};

TEST_F(OutboxTest, RefusesWhatDoesNotFitAndTellsWhenThereIsRoom) {
  int drained = 0;
  outbox_.OnDrained([&] { ++drained; });
  outbox_.BeginStream({});
  outbox_.Take();  // the head
  outbox_.Wrote();
  ASSERT_TRUE(outbox_.Write(std::string(60, 'a')).ok());
  EXPECT_EQ(outbox_.Write(std::string(60, 'b')).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(drained, 0);
  EXPECT_EQ(outbox_.Take().bytes, "3c\r\n" + std::string(60, 'a') + "\r\n");
  EXPECT_EQ(outbox_.Write(std::string(60, 'b')).code(),
            absl::StatusCode::kResourceExhausted);  // still being written
  outbox_.Wrote();
  EXPECT_EQ(drained, 1);
  EXPECT_TRUE(outbox_.Write(std::string(60, 'b')).ok());
  outbox_.Wrote();
  EXPECT_EQ(drained, 1);  // nothing was refused since
}

TEST_F(OutboxTest, APieceOverTheLimitPassesWhenNothingElseIsHeld) {
  outbox_.BeginStream({});
  EXPECT_FALSE(outbox_.Write(std::string(200, 'a')).ok());
  outbox_.Take();
  outbox_.Wrote();
  EXPECT_TRUE(outbox_.Write(std::string(200, 'a')).ok());
}

TEST_F(OutboxTest, ClosedIsToldOnceAndWritesAreCancelled) {
  int closed = 0;
  outbox_.OnClosed([&] { ++closed; });
  outbox_.BeginStream({});
  outbox_.Closed();
  outbox_.Closed();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(outbox_.Write("x").code(), absl::StatusCode::kCancelled);
  outbox_.End();
  outbox_.OnClosed([&] { ++closed; });  // late: at once
  EXPECT_EQ(closed, 2);
}

TEST_F(OutboxTest, ClosedIsNotToldAfterTheAnswerLeftOrAnOwnAbort) {
  int closed = 0;
  outbox_.OnClosed([&] { ++closed; });
  outbox_.Respond({});
  outbox_.Done();
  outbox_.Closed();
  EXPECT_EQ(closed, 0);
  HttpOutbox aborted(
      {}, 100, [] { return true; }, [] {});
  aborted.OnClosed([&] { ++closed; });
  aborted.BeginStream({});
  aborted.Abort();
  EXPECT_TRUE(aborted.Take().abort);
  aborted.Closed();
  EXPECT_EQ(closed, 0);
}

TEST_F(OutboxTest, AnAbandonedRequestAnswers500AndAnAbandonedStreamAborts) {
  outbox_.Abandon();
  const HttpOutbox::Batch batch = outbox_.Take();
  EXPECT_TRUE(batch.bytes.starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(batch.last);
  HttpOutbox stream(
      {}, 100, [] { return true; }, [] {});
  stream.BeginStream({});
  stream.Abandon();
  EXPECT_TRUE(stream.Take().abort);
}

TEST_F(OutboxTest, CallbacksMayOwnTheExchangeWithoutLeakingIt) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = owned;
  outbox_.OnDrained([owned] {});
  outbox_.OnClosed([owned] {});
  owned.reset();
  outbox_.Respond({});
  EXPECT_FALSE(weak.expired());
  outbox_.Done();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace sluice
