#pragma once

// A gRPC server with the house settings: bounded messages, metadata, memory and
// threads; keepalive; no compression; health; reflection; an orderly end.
//
// Unlike the HTTP server it does not judge the :authority of a call: a browser
// never speaks HTTP/2 in the clear, so no web page can reach it by DNS
// rebinding, and the shipped proxy forwards the public name to loopback.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/rpc/health_service.h"
#include "common/telemetry/metrics.h"
#include "grpcpp/server.h"
#include "grpcpp/support/channel_arguments.h"

namespace sluice {

struct RpcServerOptions {
  std::string listen = "127.0.0.1:0";  // host:port, port 0: any free one
  bool reflection = true;
  int32_t max_message_bytes = 4 << 20;  // received and sent
  int32_t max_metadata_bytes = 8 << 10;
  int32_t max_concurrent_streams = 256;  // per connection
  int64_t max_memory_bytes = 256 << 20;  // buffers of gRPC itself
  int32_t max_threads = 64;
  int32_t keepalive_ms = 10'000;
  int32_t keepalive_timeout_ms = 5'000;
  int32_t min_ping_interval_ms = 5'000;  // from clients, else GOAWAY
  int32_t max_connection_idle_ms = 300'000;
  int32_t max_connection_age_ms = 0;  // 0: for ever
  int32_t max_connection_age_grace_ms = 120'000;
};

// Threads: any, except that Shutdown is called by one thread.
class RpcServer {
 public:
  // Opens the port and serves `services` (lent until the server is destroyed).
  // `health_names` (each service's full name, each model's) and "" start as
  // NOT_SERVING. `metrics` gets grpc_server_started_total,
  // grpc_server_handled_total and grpc_server_handling_seconds; may be null.
  // Errors: INVALID_ARGUMENT (listen), UNAVAILABLE (port taken).
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const RpcServerOptions& options,
      const std::vector<grpc::Service*>& services,
      const std::vector<std::string>& health_names, Metrics* metrics);
  ~RpcServer();

  uint16_t port() const { return port_; }
  const std::string& listen() const { return listen_; }

  // Health of one name, or of all that Start was given.
  void SetServing(std::string_view name, bool serving);
  void SetServing(bool serving);
  // First half of a drain: all names NOT_SERVING for good, calls still taken.
  void StopServing();
  // Second half: refuses new calls, waits up to `grace` for running ones, then
  // cancels them; returns when all have ended. REQUIRES: not on a gRPC thread.
  void Shutdown(Nanos grace);

 private:
  RpcServer() = default;

  std::string listen_;
  uint16_t port_ = 0;
  std::vector<std::string> health_names_;
  std::unique_ptr<HealthService> health_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice
