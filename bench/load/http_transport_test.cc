#include "bench/load/http_transport.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "bench/load/http_reader.h"
#include "bench/load/load_run.h"
#include "common/base/error_info.h"
#include "common/concurrency/mailbox.h"
#include "common/http/http_error.h"
#include "common/http/http_server.h"

namespace sluice::load {
namespace {

struct ReadAnswer {
  absl::Status status;
  int code = 0;
  std::string body;
  bool done = false;
  bool reusable = false;
  int64_t retry_after_s = -1;
};

ReadAnswer ReadInPieces(std::string_view bytes, size_t piece, bool close) {
  ReadAnswer answer;
  HttpReader reader([&answer](std::string_view body) { answer.body += body; });
  while (!bytes.empty() && answer.status.ok()) {
    answer.status = reader.Feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (close && answer.status.ok()) answer.status = reader.Close();
  answer.code = reader.status();
  answer.done = reader.done();
  answer.reusable = reader.reusable();
  answer.retry_after_s = reader.retry_after_s();
  return answer;
}

TEST(HttpReaderTest, AnswersAreTheSameHoweverTheyArriveInPieces) {
  constexpr std::string_view kChunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n7;x=y\r\n world!\r\n0\r\n\r\n";
  constexpr std::string_view kCounted =
      "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\n"
      "Content-Length: 4\r\nConnection: close\r\n\r\nfull";
  for (size_t piece = 1; piece < 80; ++piece) {
    const ReadAnswer chunked = ReadInPieces(kChunked, piece, false);
    EXPECT_TRUE(chunked.status.ok()) << chunked.status;
    EXPECT_EQ(chunked.code, 200);
    EXPECT_EQ(chunked.body, "hello world!");
    EXPECT_TRUE(chunked.done);
    EXPECT_TRUE(chunked.reusable);
    EXPECT_EQ(chunked.retry_after_s, -1);
    const ReadAnswer counted = ReadInPieces(kCounted, piece, false);
    EXPECT_EQ(counted.code, 429);
    EXPECT_EQ(counted.body, "full");
    EXPECT_TRUE(counted.done);
    EXPECT_FALSE(counted.reusable);
    EXPECT_EQ(counted.retry_after_s, 3);
  }
}

TEST(HttpReaderTest, BrokenAnswersAreErrors) {
  for (const std::string_view bytes :
       {"SSH-2.0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        ""}) {
    EXPECT_TRUE(absl::IsDataLoss(ReadInPieces(bytes, 7, true).status)) << bytes;
  }
  // Without a length the answer ends with the connection.
  EXPECT_TRUE(ReadInPieces("HTTP/1.1 200 OK\r\n\r\nabc", 7, true).status.ok());
}

TEST(SseReaderTest, EventsAreTheSameHoweverTheyArriveInPieces) {
  constexpr std::string_view kStream =
      ": started\n\ndata: a\ndata:  b\ndata\n\nevent: done\r\ndata: {}\r\n\r\n"
      "id: 5\n\ndata:x\n\n";
  const std::vector<std::pair<std::string, std::string>> expected = {
      {":", "started"}, {"", "a\n b\n"}, {"done", "{}"}, {"", "x"}};
  for (size_t piece = 1; piece < 70; ++piece) {
    std::vector<std::pair<std::string, std::string>> events;
    SseReader reader([&events](std::string_view name, std::string_view data) {
      events.emplace_back(name, data);
    });
    for (size_t at = 0; at < kStream.size(); at += piece) {
      reader.Feed(kStream.substr(at, piece));
    }
    EXPECT_EQ(events, expected) << piece;
    EXPECT_TRUE(reader.at_end());
    reader.Feed("data: y");
    EXPECT_FALSE(reader.at_end());
  }
}

// A Gateway that answers as it is told.
class HttpTransportTest : public ::testing::Test {
 protected:
  HttpTransportTest() : loop_(clock_) {
    options_.target.face = "http";
    options_.workload.output_tokens = LengthDistribution(3);
    options_.workload.questions = 5;
    options_.pace.requests = 40;
  }
  ~HttpTransportTest() override {
    if (server_ != nullptr) server_->Shutdown(0);
  }

  void Serve(HttpHandler answer) {
    auto server =
        HttpServer::Start({}, {{"POST", "/chat_stream",
                                [this, answer = std::move(answer)](
                                    std::shared_ptr<HttpExchange> exchange) {
                                  ++calls_;
                                  answer(std::move(exchange));
                                }}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    options_.target.server = absl::StrCat("127.0.0.1:", server_->port());
  }

  void Run() {
    ASSERT_TRUE(CheckOptions(options_).ok()) << CheckOptions(options_);
    auto transport = MakeHttpTransport(options_.target, loop_);
    ASSERT_TRUE(transport.ok()) << transport.status();
    transport_ = *std::move(transport);
    run_ = std::make_unique<LoadRun>(options_, loop_, *transport_, RunHooks());
    run_->Run();
  }

  Results& results() { return run_->results(); }

  static void Stream(HttpExchange& exchange, const std::string& events) {
    HttpResponse head;
    head.content_type = "text/event-stream";
    exchange.BeginStream(std::move(head));
    EXPECT_TRUE(exchange.Write(events).ok());
    exchange.End();
  }

  const MonotonicClock clock_;
  EventLoop loop_;
  LoadOptions options_;
  std::atomic<int64_t> calls_ = 0;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<LoadRun> run_;
};

constexpr char kDone[] =
    "event: done\ndata: {\"usage\":{\"prompt_tokens\":9,\"cached_tokens\":4,"
    "\"completion_tokens\":3,\"total_tokens\":12}}\n\n";

// The answer depends on the question only.
void AnswerWell(const std::shared_ptr<HttpExchange>& exchange) {
  const auto body = nlohmann::json::parse(exchange->request().body);
  HttpResponse head;
  head.content_type = "text/event-stream";
  head.body = ": queued 1\n\n: started\n\n";
  exchange->BeginStream(std::move(head));
  const std::string answer =
      absl::StrCat("data: ", body["seed"].get<uint64_t>() % 1000,
                   "\n\nevent: text_json\ndata: \"a\\rb\"\n\n", kDone);
  EXPECT_TRUE(exchange->Write(answer).ok());
  exchange->End();
}

TEST_F(HttpTransportTest, GoodAnswersAreCountedAndCompared) {
  Serve(AnswerWell);
  Run();
  EXPECT_EQ(calls_, 40);
  EXPECT_EQ(results().all().finished, 40);
  EXPECT_EQ(results().all().tokens, 120);
  EXPECT_EQ(results().prompt_tokens, 360);
  EXPECT_EQ(results().cached_tokens, 160);
  EXPECT_EQ(results().ttft.count(), 40u);
  EXPECT_EQ(results().answers.compared(), 35);
  EXPECT_EQ(results().violations, 0);
}

TEST_F(HttpTransportTest, SlowReadersReadAllOfIt) {
  Serve(AnswerWell);
  options_.workload.slow_share = 1;
  options_.target.slow_bytes_per_second = 20'000;
  options_.pace.requests = 8;
  Run();
  EXPECT_EQ(results().all().finished, 8);
  EXPECT_EQ(results().violations, 0);
}

TEST_F(HttpTransportTest, ARefusalTellsWhenToTryAgain) {
  Serve([](std::shared_ptr<HttpExchange> exchange) {
    exchange->Respond(ErrorResponse(WithRetryDelay(
        absl::ResourceExhaustedError("full"), kNanosPerSecond / 10)));
  });
  options_.pace.phases = {{1000, 0.05}};
  options_.pace.poisson = false;
  Run();
  EXPECT_EQ(results().all().rejected, 49);
  EXPECT_EQ(results().without_retry, 0);
  EXPECT_EQ(results().rejection.count(), 49u);
}

TEST_F(HttpTransportTest, ARefusalInAnOpenStreamIsOneToo) {
  Serve([](std::shared_ptr<HttpExchange> exchange) {
    const absl::Status status =
        WithRetryDelay(absl::ResourceExhaustedError("waited"), kNanosPerSecond);
    Stream(*exchange, SseEvent("error", ErrorJson(status)));
  });
  options_.pace.phases = {{1000, 0.01}};
  options_.pace.poisson = false;
  Run();
  EXPECT_EQ(results().all().rejected, 9);
  EXPECT_EQ(results().without_retry, 0);
  EXPECT_TRUE(results().errors.empty());
}

TEST_F(HttpTransportTest, BrokenPromisesOfTheStreamAreSeen) {
  options_.pace.requests = 2;
  options_.pace.clients = 1;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {": started\n\ndata: a\n\n", "ended OK without Finished"},
      {std::string("data: a\n\n") + kDone, "output before Started"},
      {std::string(": started\n\n") + kDone + kDone, "Finished twice"},
      {": started\n\nevent: done\ndata: {}\n\n", "done without usage"},
      {std::string(": started\n\n") + kDone + "data: x",
       "ended in the middle of an event"},
      {std::string(": started\n\nevent: error\ndata: {}\n\n") + kDone,
       "an event after the error event"}};
  for (const auto& [events, promise] : cases) {
    Serve([events](std::shared_ptr<HttpExchange> exchange) {
      Stream(*exchange, events);
    });
    Run();
    EXPECT_EQ(results().broken, (std::map<std::string, int64_t>{{promise, 2}}));
    server_->Shutdown(0);
  }
}

TEST_F(HttpTransportTest, CancelledCallsEndAtOnce) {
  Mailbox<std::shared_ptr<HttpExchange>> held(100);
  Serve([&held](std::shared_ptr<HttpExchange> exchange) {
    EXPECT_TRUE(held.TryPush(std::move(exchange)).ok());
  });
  options_.workload.cancel_share = 1;
  options_.workload.cancel_within_ms = 5;
  options_.workload.slow_share = 0.5;
  Run();
  EXPECT_EQ(results().all().cancelled, 40);
  EXPECT_EQ(results().violations, 0);
  held.DrainAll();
}

TEST_F(HttpTransportTest, AServerThatIsNotThereIsAnErrorByCode) {
  Serve(AnswerWell);
  server_->Shutdown(0);
  server_.reset();
  options_.pace.requests = 3;
  options_.pace.clients = 3;
  Run();
  EXPECT_EQ(results().errors,
            (std::map<std::string, int64_t>{{"UNAVAILABLE", 3}}));
  options_.target.server = "no such host:80";
  EXPECT_FALSE(MakeHttpTransport(options_.target, loop_).ok());
}

}  // namespace
}  // namespace sluice::load
