// The ops port and the life of a service process.

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/http/ops_server.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "common/telemetry/process_metrics.h"
#include "common/testing/http_client.h"
#include "common/testing/test_files.h"

namespace sluice {
namespace {

TEST(OpsServer, ServesMetricsAndTheTwoVerdicts) {
  Metrics metrics;
  AddProcessMetrics(metrics, "test");
  std::atomic<bool> ready = false;
  OpsCallbacks callbacks;
  callbacks.healthy = [] { return absl::OkStatus(); };
  callbacks.ready = [&ready]() -> absl::Status {
    if (ready) return absl::OkStatus();
    return absl::UnavailableError("model: still loading");
  };
  auto ops = OpsServer::Start("127.0.0.1:0", metrics, callbacks);
  ASSERT_TRUE(ops.ok()) << ops.status();
  auto client = HttpClient::Connect((*ops)->port());
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->Call("GET", "/healthz")->body,
            "{\"status\":\"healthy\"}\n");
  const auto refused = client->Call("GET", "/readyz");
  EXPECT_EQ(refused->status, 503);
  EXPECT_NE(refused->body.find("model: still loading"), std::string::npos);
  ready = true;
  EXPECT_EQ(client->Call("GET", "/readyz")->status, 200);
  const auto scrape = client->Call("GET", "/metrics");
  EXPECT_EQ(scrape->header("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(scrape->body.find("\nprocess_open_fds "), std::string::npos);
  EXPECT_EQ(client->Call("POST", "/metrics")->status, 405);
  (*ops)->Shutdown();
}

class ServiceProcessTest : public ::testing::Test {
 protected:
  ServiceProcessTest()
      : log_("test", LogLevel::kInfo, [this](std::string_view line) {
          events_.push_back(nlohmann::json::parse(line)["event"]);
        }) {}

  std::vector<std::string> events_;
  Logger log_;
  Metrics metrics_;
};

TEST_F(ServiceProcessTest, PublishesItsPortsRunsAndDrainsInOrder) {
  StopSignal stop;
  auto rpc = RpcServer::Start({}, {}, {}, &metrics_);
  auto http = HttpServer::Start({}, {});
  auto ops = OpsServer::Start("127.0.0.1:0", metrics_, {});
  ASSERT_TRUE(rpc.ok() && http.ok() && ops.ok());
  ServiceParts parts;
  parts.rpc = rpc->get();
  parts.http = http->get();
  parts.ops = ops->get();
  bool ops_open_at_drain = false;
  parts.on_drain = [&] {
    ops_open_at_drain = HttpClient::Connect((*ops)->port()).ok();
  };
  const TempDir temp;
  ServiceProcessOptions options;
  options.ports_file = temp.path() + "/ports.json";
  options.drain_delay_ms = 1;
  stop.Request();
  ASSERT_TRUE(RunUntilStopped(parts, options, stop, log_).ok());
  const auto ports = nlohmann::json::parse(*ReadFile(options.ports_file, 1000));
  EXPECT_EQ(ports["grpc"], (*rpc)->port());
  EXPECT_EQ(ports["http"], (*http)->port());
  EXPECT_EQ(ports["ops"], (*ops)->port());
  EXPECT_TRUE(ops_open_at_drain);
  EXPECT_FALSE(HttpClient::Connect((*ops)->port()).ok());
  EXPECT_FALSE(HttpClient::Connect((*http)->port()).ok());
  EXPECT_EQ(events_,
            (std::vector<std::string>{"ready", "draining", "stopped"}));
}

TEST_F(ServiceProcessTest, AnUnwritablePortsFileIsAnErrorAtOnce) {
  StopSignal stop;
  ServiceProcessOptions options;
  options.ports_file = "/nonexistent/folder/ports.json";
  EXPECT_EQ(RunUntilStopped({}, options, stop, log_).code(),
            absl::StatusCode::kNotFound);
}

TEST(ExitCode, IsOneAndOneSentenceForAnError) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(ExitCode(absl::InvalidArgumentError("flag: bad, got 1, limit 2")),
            1);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "flag: bad, got 1, limit 2\n");
}

}  // namespace
}  // namespace sluice
