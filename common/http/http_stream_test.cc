// Streams, disconnects and the end of the server, against real sockets.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/concurrency/named_thread.h"
#include "common/http/http_error.h"
#include "common/testing/http_server_fixture.h"

namespace sluice {
namespace {

using HttpStreamTest = HttpServerTest;

TEST_F(HttpStreamTest, EventsOfAnyThreadArriveInOrderAndTheConnectionIsKept) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  ExchangePtr exchange = Held();
  NamedThread writer("writer", [&exchange] {
    exchange->BeginStream(StreamHead());
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(exchange->Write(SseEvent("", absl::StrCat("line", i))).ok());
    }
    ASSERT_TRUE(exchange->Write(SseEvent("done", "{}")).ok());
    exchange->End();
    exchange.reset();
  });
  const auto head = client.ReadHead();
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head->header("Cache-Control"), "no-cache");
  for (int i = 0; i < 100; ++i) {
    const auto frame = client.ReadEvent();
    ASSERT_TRUE(frame.ok() && frame->has_value());
    EXPECT_EQ((*frame)->data, absl::StrCat("line", i));
  }
  EXPECT_EQ((*client.ReadEvent())->event, "done");
  EXPECT_FALSE(client.ReadEvent()->has_value());
  EXPECT_EQ(client.Call("GET", "/echo")->body, "hello");
}

TEST_F(HttpStreamTest, APieceIsSentAtOnceNotWhenTheBufferIsFull) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  exchange->BeginStream(StreamHead());
  ASSERT_TRUE(client.ReadHead().ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(exchange->Write(SseEvent("", absl::StrCat(i))).ok());
    EXPECT_EQ((*client.ReadEvent())->data, absl::StrCat(i));
  }
  exchange->End();
}

TEST_F(HttpStreamTest, OldClientsGetAStreamThatEndsWithTheConnection) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.SendRaw("GET /hold HTTP/1.0\r\n\r\n").ok());
  const ExchangePtr exchange = Held();
  exchange->BeginStream(StreamHead());
  ASSERT_TRUE(exchange->Write("abc").ok());
  ASSERT_TRUE(exchange->Write("def").ok());
  exchange->End();
  const auto reply = client.ReadReply();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->header("Transfer-Encoding"), "");
  EXPECT_EQ(reply->body, "abcdef");
}

// The client reads nothing: the kernel's buffers fill, then ours, then Write
// refuses. What was taken arrives whole once the client reads again.
TEST_F(HttpStreamTest, ASlowReaderFillsTheBufferAndNoMore) {
  HttpServerOptions options;
  options.max_outbound_bytes = 64 << 10;
  Start(options);
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  Mailbox<int> drained(1000);
  exchange->OnDrained([&] { drained.TryPush(1).IgnoreError(); });
  exchange->BeginStream(StreamHead());
  const std::string piece(16 << 10, 'x');
  size_t taken = 0;
  int refusals = 0;
  // A write in flight may free the buffer once more: only a refusal that is
  // followed by silence means that the kernel takes nothing either.
  while (taken < (64 << 20)) {
    if (exchange->Write(piece).ok()) {
      taken += piece.size();
      continue;
    }
    ++refusals;
    if (drained.WaitAndDrain(300 * kNanosPerMilli).empty()) break;
  }
  ASSERT_LT(taken, size_t{64} << 20) << "Write never refused";
  EXPECT_GE(refusals, 1);
  ASSERT_TRUE(client.ReadHead().ok());
  size_t received = 0;
  while (received < taken) {
    const auto bytes = client.ReadPiece();
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    ASSERT_EQ(bytes->find_first_not_of('x'), std::string::npos);
    received += bytes->size();
  }
  EXPECT_EQ(received, taken);
  EXPECT_FALSE(drained.WaitAndDrain(kLong).empty());
  EXPECT_TRUE(exchange->Write("end").ok());
  exchange->End();
  EXPECT_EQ(*client.ReadPiece(), "end");
  EXPECT_EQ(*client.ReadPiece(), "");
}

// Fills the buffer of a client that reads nothing; how much was taken.
size_t FillUp(HttpExchange& exchange, Mailbox<int>& drained) {
  const std::string piece(4 << 10, 'x');
  size_t taken = 0;
  while (true) {
    if (exchange.Write(piece).ok()) {
      taken += piece.size();
    } else if (drained.WaitAndDrain(300 * kNanosPerMilli).empty()) {
      return taken;
    }
  }
}

TEST_F(HttpStreamTest, ALastPieceFollowsWhatAFullBufferHolds) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  Mailbox<int> drained(1000);
  exchange->OnDrained([&] { drained.TryPush(1).IgnoreError(); });
  exchange->BeginStream(StreamHead());
  const size_t taken = FillUp(*exchange, drained);
  exchange->EndWith("last");
  ASSERT_TRUE(client.ReadHead().ok());
  std::string received;
  while (true) {
    const auto bytes = client.ReadPiece();
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    if (bytes->empty()) break;
    received += *bytes;
  }
  EXPECT_EQ(received, std::string(taken, 'x') + "last");
}

TEST_F(HttpStreamTest, AClientThatNeverTakesTheLastPieceIsCutOff) {
  HttpServerOptions options;
  options.write_timeout_ms = 1'000;
  Start(options);
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  absl::Notification closed;
  exchange->OnClosed([&] { closed.Notify(); });
  Mailbox<int> drained(1000);
  exchange->OnDrained([&] { drained.TryPush(1).IgnoreError(); });
  exchange->BeginStream(StreamHead());
  FillUp(*exchange, drained);
  exchange->EndWith("last");
  closed.WaitForNotification();
  EXPECT_TRUE(exchange->closed());
}

TEST_F(HttpStreamTest, AReaderThatStandsStillIsCutOff) {
  HttpServerOptions options;
  options.write_timeout_ms = 100;
  Start(options);
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  absl::Notification closed;
  exchange->OnClosed([&] { closed.Notify(); });
  exchange->BeginStream(StreamHead());
  while (!closed.HasBeenNotified()) {
    exchange->Write(std::string(64 << 10, 'x')).IgnoreError();
    std::this_thread::yield();
  }
  EXPECT_EQ(exchange->Write("x").code(), absl::StatusCode::kCancelled);
}

class HttpDisconnectTest : public HttpServerTest,
                           public ::testing::WithParamInterface<bool> {
 protected:
  void Vanish(HttpClient& client) {
    GetParam() ? client.Reset() : client.Close();
  }
};

TEST_P(HttpDisconnectTest, IsNoticedBeforeTheAnswer) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  absl::Notification closed;
  exchange->OnClosed([&] { closed.Notify(); });
  EXPECT_FALSE(exchange->closed());
  Vanish(client);
  closed.WaitForNotification();
  EXPECT_TRUE(exchange->closed());
  exchange->Respond({});  // harmless
  bool late = false;
  exchange->OnClosed([&] { late = true; });
  EXPECT_TRUE(late);
}

TEST_P(HttpDisconnectTest, IsNoticedInASilentStream) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  absl::Notification closed;
  exchange->OnClosed([&] { closed.Notify(); });
  exchange->BeginStream(StreamHead());
  ASSERT_TRUE(client.ReadHead().ok());
  Vanish(client);
  closed.WaitForNotification();
  EXPECT_EQ(exchange->Write("x").code(), absl::StatusCode::kCancelled);
  exchange->End();
}

INSTANTIATE_TEST_SUITE_P(FinAndRst, HttpDisconnectTest, ::testing::Bool());

TEST_F(HttpStreamTest, AnAbortedStreamIsVisiblyNotWhole) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  bool told = false;
  exchange->OnClosed([&] { told = true; });
  exchange->BeginStream(StreamHead());
  ASSERT_TRUE(client.ReadHead().ok());
  exchange->Abort();
  EXPECT_EQ(client.ReadPiece().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(told);
}

TEST_F(HttpStreamTest, ADroppedStreamIsAborted) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  ExchangePtr exchange = Held();
  exchange->BeginStream(StreamHead());
  ASSERT_TRUE(client.ReadHead().ok());
  exchange.reset();
  EXPECT_EQ(client.ReadPiece().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(HttpStreamTest, AThousandStreamsAreServedWithTheSameFewThreads) {
  constexpr int kStreams = 1000;
  HttpServerOptions options;
  options.max_connections = kStreams;
  Start(options);
  std::vector<HttpClient> clients;
  for (int i = 0; i < kStreams; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().Send("GET", "/hold").ok());
  }
  std::vector<ExchangePtr> exchanges;
  while (exchanges.size() < kStreams) {
    auto more = held_.WaitAndDrain(kLong);
    ASSERT_FALSE(more.empty());
    for (auto& exchange : more) exchanges.push_back(std::move(exchange));
  }
  std::atomic<int> closed = 0;
  absl::Notification all_closed;
  for (const ExchangePtr& exchange : exchanges) {
    exchange->OnClosed([&] {
      if (++closed == kStreams / 2) all_closed.Notify();
    });
    exchange->BeginStream(StreamHead());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(exchange->Write(SseEvent("", absl::StrCat(i))).ok());
    }
  }
  for (HttpClient& client : clients) {
    ASSERT_TRUE(client.ReadHead().ok());
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ((*client.ReadEvent())->data, absl::StrCat(i));
    }
  }
  for (int i = 0; i < kStreams / 2; ++i) clients[i].Close();
  all_closed.WaitForNotification();
  for (const ExchangePtr& exchange : exchanges) {
    if (!exchange->closed()) exchange->End();
  }
  for (int i = kStreams / 2; i < kStreams; ++i) {
    EXPECT_FALSE(clients[i].ReadEvent()->has_value());
  }
  EXPECT_EQ(closed, kStreams / 2);
}

TEST_F(HttpStreamTest, ShutdownLetsRunningExchangesEnd) {
  Start();
  HttpClient idle = Connect();
  ASSERT_TRUE(idle.Call("GET", "/echo").ok());
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  const ExchangePtr exchange = Held();
  server_->StopAccepting();
  EXPECT_TRUE(idle.WaitForClose().ok());
  NamedThread stopper("stopper", [this] { server_->Shutdown(kLong); });
  HttpResponse response;
  response.body = "late";
  exchange->Respond(response);
  const auto reply = client.ReadReply();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->body, "late");
  EXPECT_EQ(reply->header("Connection"), "close");
  client.Close();
  stopper.Join();
  EXPECT_FALSE(HttpClient::Connect(server_->port()).ok());
}

TEST_F(HttpStreamTest, ShutdownCutsWhatDoesNotEndInTime) {
  Start();
  HttpClient client = Connect();
  ASSERT_TRUE(client.Send("GET", "/hold").ok());
  ExchangePtr exchange = Held();
  absl::Notification closed;
  exchange->OnClosed([&] { closed.Notify(); });
  exchange->BeginStream(StreamHead());
  server_->Shutdown(10 * kNanosPerMilli);
  EXPECT_TRUE(closed.HasBeenNotified());
  EXPECT_EQ(server_->connections(), 0);
  server_.reset();
  EXPECT_EQ(exchange->Write("x").code(), absl::StatusCode::kCancelled);
  exchange.reset();  // outlives the server, harmlessly
}

}  // namespace
}  // namespace sluice
