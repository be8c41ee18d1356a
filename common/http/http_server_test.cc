// The server against real sockets.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/http_server_fixture.h"

namespace sluice {
namespace {

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  Start();
  HttpClient client = Connect();
  for (const char* body : {"one", "", "three"}) {
    const auto reply = client.Call("POST", "/echo", body);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, body);
    EXPECT_EQ(reply->header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply->header("Connection"), "keep-alive");
  }
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(HttpServerTest, HandlersSeeTheWholeRequest) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(
      client.Send("POST", "/hold?a=1&b=%20", "body", {{"X-Key", "v"}}).ok());
  const ExchangePtr exchange = Held();
  ASSERT_NE(exchange, nullptr);
  const HttpRequest& request = exchange->request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/hold");
  EXPECT_EQ(request.query, "a=1&b=%20");
  EXPECT_EQ(request.body, "body");
  EXPECT_EQ(request.header("x-key"), "v");
  EXPECT_EQ(request.header("none"), std::nullopt);
  EXPECT_TRUE(request.peer.starts_with("127.0.0.1:"));
  exchange->Respond({});
  EXPECT_EQ(client.ReadReply()->status, 200);
}

TEST_F(HttpServerTest, HeadHasNoBodyAndUnknownPathsAndMethodsAreNamed) {
  Start();
  HttpClient client = Connect();
  const auto head = client.Call("HEAD", "/echo");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->header("Content-Length"), "5");
  EXPECT_EQ(client.Call("GET", "/none")->status, 404);
  const auto wrong = client.Call("DELETE", "/echo");
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->header("Allow"), "GET, HEAD, POST");
  EXPECT_EQ(client.Call("GET", "/echo")->body, "hello");
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  HttpClient client = Connect();
  std::string burst;
  for (int i = 0; i < 50; ++i) {
    const std::string body = absl::StrCat("body", i);
    absl::StrAppend(&burst,
                    "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length:",
                    body.size(), "\r\n\r\n", body);
  }
  ASSERT_TRUE(client.SendRaw(burst).ok());
  for (int i = 0; i < 50; ++i) {
    const auto reply = client.ReadReply();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->body, absl::StrCat("body", i));
  }
}

TEST_F(HttpServerTest, APipelinedRequestWaitsForTheAnswerBeforeIt) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  ASSERT_TRUE(client.Send("GET", "/echo").ok());
  const ExchangePtr exchange = Held();
  HttpResponse first;
  first.body = "first";
  exchange->Respond(first);
  EXPECT_EQ(client.ReadReply()->body, "first");
  EXPECT_EQ(client.ReadReply()->body, "hello");
}

TEST_F(HttpServerTest, ChunkedBodiesArriveWhole) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client
                  .SendRaw("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
                  .ok());
  EXPECT_EQ(client.ReadReply()->body, "abcde");
}

TEST_F(HttpServerTest, ARequestSentByteByByteIsUnderstood) {
  Start();
  HttpClient client = Connect();
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
  for (const char& c : request) {
    ASSERT_TRUE(client.SendRaw({&c, 1}).ok());
  }
  EXPECT_EQ(client.ReadReply()->body, "abc");
}

TEST_F(HttpServerTest, ExpectContinueIsAnsweredBeforeTheBodyIsSent) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client
                  .SendRaw("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                           "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
                  .ok());
  EXPECT_EQ(client.ReadHead()->status, 100);
  ASSERT_TRUE(client.SendRaw("abc").ok());
  EXPECT_EQ(client.ReadReply()->body, "abc");
}

TEST_F(HttpServerTest, OldClientsGetAnAnswerAndAClosedConnection) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.SendRaw("GET /echo HTTP/1.0\r\n\r\n").ok());
  const auto reply = client.ReadReply();
  EXPECT_EQ(reply->body, "hello");
  EXPECT_EQ(reply->header("Connection"), "close");
  EXPECT_TRUE(client.WaitForClose().ok());
}

TEST_F(HttpServerTest, MalformedRequestsGet400) {
  Start();
  const std::string host = "Host: localhost\r\n";
  for (const std::string& raw : std::vector<std::string>{
           "nonsense\r\n\r\n", "GET\r\n\r\n",
           "GET  / HTTP/1.1\r\n" + host + "\r\n",
           "GET echo HTTP/1.1\r\n" + host + "\r\n",
           "GET /echo HTTP/1.1\r\nHost : localhost\r\n\r\n",
           "GET /echo HTTP/1.1\r\n" + host + "Bad Name: x\r\n\r\n",
           "GET /echo HTTP/1.1\r\n\r\n",                     // no Host
           "GET /echo HTTP/1.1\r\n" + host + host + "\r\n",  // two
           "GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1x\r\n\r\na",
           "POST /echo HTTP/1.1\r\n" + host +
               "Content-Length: 99999999999999999999\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host +
               "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
           std::string("GET /ec\0ho HTTP/1.1\r\n", 22) + host + "\r\n"}) {
    EXPECT_EQ(StatusOf(raw), 400) << raw;
  }
  EXPECT_EQ(StatusOf("GET /echo HTTP/3.0\r\n" + host + "\r\n"), 505);
}

TEST_F(HttpServerTest, WhatAProxyCouldReadAnotherWayGets400) {
  Start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
  const std::string hidden = "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const std::string& fields : std::vector<std::string>{
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\nContent-Length: 4\r\n",
           "Content-Length: 3\r\nContent-Length: 3\r\n",
           "Content-Length: 3, 3\r\n", "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: identity\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding : chunked\r\n",
           "Content-Length : 3\r\n"}) {
    EXPECT_EQ(StatusOf(head + fields + "\r\n0\r\n\r\n" + hidden), 400)
        << fields;
  }
  EXPECT_EQ(StatusOf("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
                     "\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(held_.size(), 0u);  // nothing hidden was served
}

TEST_F(HttpServerTest, HostNamesOfOthersAreRefusedOnLoopback) {
  Start();
  const auto status = [this](const std::string& host) {
    return StatusOf("GET /echo HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const char* ours : {"localhost", "LocalHost:8080", "127.0.0.1:1",
                           "127.9.9.9", "[::1]:80"}) {
    EXPECT_EQ(status(ours), 200) << ours;
  }
  for (const char* others : {"evil.example", "127.0.0.1.evil.example",
                             "localhost.evil.example", "10.0.0.1"}) {
    EXPECT_EQ(status(others), 403) << others;
  }
}

TEST_F(HttpServerTest, OtherHostNamesAreServedWhenNotOnLoopback) {
  HttpServerOptions options;
  options.listen = "0.0.0.0:0";
  Start(options);
  EXPECT_EQ(StatusOf("GET /echo HTTP/1.1\r\nHost: any.example\r\n\r\n"), 200);
}

TEST_F(HttpServerTest, ABodyOfTheLimitPassesAndOneByteMoreIs413) {
  Start();
  const std::string limit(4 << 20, 'a');
  HttpClient client = Connect();
  const auto reply = client.Call("POST", "/echo", limit);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->body.size(), limit.size());
  // Announced: refused before it is read, also while it is still being sent.
  HttpClient announced = Connect();
  ASSERT_TRUE(announced
                  .SendRaw("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                           "Content-Length: 4194305\r\n\r\n")
                  .ok());
  EXPECT_EQ(announced.ReadReply()->status, 413);
  HttpClient sent = Connect();
  ASSERT_TRUE(sent.Send("POST", "/echo", limit + "a").ok());
  const auto refused = sent.ReadReply();
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->status, 413);
  EXPECT_NE(refused->body.find("limit 4194304 bytes"), std::string::npos);
}

TEST_F(HttpServerTest, AChunkedBodyOverTheLimitIs413) {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  Start(options);
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked"
      "\r\n\r\n";
  const std::string chunk = "1f4\r\n" + std::string(500, 'a') + "\r\n";
  EXPECT_EQ(StatusOf(head + chunk + chunk + "0\r\n\r\n"), 200);
  EXPECT_EQ(StatusOf(head + chunk + chunk + "1\r\na\r\n0\r\n\r\n"), 413);
}

TEST_F(HttpServerTest, EndlessChunkExtensionsAreCutOff) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client
                  .SendRaw("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n3;")
                  .ok());
  const std::string filler(8192, 'x');
  for (int i = 0; i < 64; ++i) {
    if (!client.SendRaw(filler).ok()) break;
  }
  const auto reply = client.ReadReply();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->status, 400);
}

TEST_F(HttpServerTest, HeadersOverTheLimitAre431) {
  Start();
  const std::string head = "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: ";
  EXPECT_EQ(StatusOf(head + std::string(15'000, 'a') + "\r\n\r\n"), 200);
  EXPECT_EQ(StatusOf(head + std::string(17'000, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(StatusOf("GET /" + std::string(20'000, 'a')), 431);
}

TEST_F(HttpServerTest, SlowHeadersAndBodiesGet408) {
  HttpServerOptions options;
  options.header_timeout_ms = 50;
  options.body_timeout_ms = 50;
  Start(options);
  EXPECT_EQ(StatusOf("GET /echo HTTP/1.1\r\nHos"), 408);
  EXPECT_EQ(StatusOf("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Length: 10\r\n\r\nabc"),
            408);
}

TEST_F(HttpServerTest, IdleConnectionsAreClosedSilently) {
  HttpServerOptions options;
  options.idle_timeout_ms = 50;
  Start(options);
  HttpClient client = Connect();
  EXPECT_EQ(client.Call("GET", "/echo")->status, 200);
  EXPECT_TRUE(client.WaitForClose().ok());
}

TEST_F(HttpServerTest, ConnectionsBeyondTheLimitGet503AndRetryAfter) {
  HttpServerOptions options;
  options.max_connections = 2;
  Start(options);
  HttpClient first = Connect();
  HttpClient second = Connect();
  ASSERT_TRUE(first.Call("GET", "/echo").ok());
  ASSERT_TRUE(second.Call("GET", "/echo").ok());
  HttpClient third = Connect();
  const auto refused = third.ReadReply();
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->header("Retry-After"), "1");
  EXPECT_TRUE(third.WaitForClose().ok());
  EXPECT_EQ(first.Call("GET", "/echo")->status, 200);
}

TEST_F(HttpServerTest, ADroppedExchangeAnswers500) {
  Start();
  HttpClient client = Connect();
  EXPECT_EQ(client.Call("GET", "/drop")->status, 500);
  EXPECT_EQ(client.Call("GET", "/echo")->status, 200);
}

TEST_F(HttpServerTest, ATakenPortIsAClearError) {
  Start();
  HttpServerOptions options;
  options.listen = server_->listen();
  const absl::Status status = HttpServer::Start(options, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()),
            "listen: cannot open " + server_->listen() +
                ", got \"Address already in use\"");
}

}  // namespace
}  // namespace sluice
