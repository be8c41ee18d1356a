#pragma once

// For tests of the HTTP server: one on a free port, with routes that echo and
// routes whose exchanges the test answers itself.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/concurrency/mailbox.h"
#include "common/http/http_server.h"
#include "common/testing/http_client.h"

namespace sluice {

inline constexpr Nanos kLong = 30 * kNanosPerSecond;
using ExchangePtr = std::shared_ptr<HttpExchange>;

// /echo answers with the body; /hold hands the exchange to the test.
class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() : held_(2000) {}
  ~HttpServerTest() override {
    held_.DrainAll();
    if (server_ != nullptr) server_->Shutdown(0);
  }

  void Start(HttpServerOptions options = {}) {
    std::vector<HttpRoute> routes;
    routes.push_back({"POST", "/echo", Echo});
    routes.push_back({"GET", "/echo", Echo});
    const HttpHandler hold = [this](ExchangePtr exchange) {
      held_.TryPush(std::move(exchange)).IgnoreError();
    };
    routes.push_back({"GET", "/hold", hold});
    routes.push_back({"POST", "/hold", hold});
    routes.push_back({"GET", "/drop", [](ExchangePtr) {}});
    auto server = HttpServer::Start(options, std::move(routes));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  HttpClient Connect() {
    auto client = HttpClient::Connect(server_->port());
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  ExchangePtr Held() {
    std::vector<ExchangePtr> exchanges = held_.WaitAndDrain(kLong);
    EXPECT_EQ(exchanges.size(), 1u);
    return exchanges.empty() ? nullptr : std::move(exchanges.front());
  }

  static void Echo(ExchangePtr exchange) {
    HttpResponse response;
    response.content_type = "text/plain";
    response.body = exchange->request().body;
    if (exchange->request().method != "POST") response.body = "hello";
    exchange->Respond(std::move(response));
  }

  // The status of the answer to raw bytes; 0 when closed without one.
  int StatusOf(std::string_view raw) {
    HttpClient client = Connect();
    EXPECT_TRUE(client.SendRaw(raw).ok());
    const auto reply = client.ReadReply();
    if (!reply.ok()) return 0;
    if (reply->status >= 400) {
      EXPECT_TRUE(reply->body.starts_with("{\"error\":{\"message\":\""))
          << reply->body;
      EXPECT_EQ(reply->header("Content-Type"), "application/json");
    }
    return reply->status;
  }

  Mailbox<ExchangePtr> held_;
  std::unique_ptr<HttpServer> server_;
};

inline HttpResponse StreamHead() {
  HttpResponse head;
  head.content_type = "text/event-stream";
  return head;
}

}  // namespace sluice
