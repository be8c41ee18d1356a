#pragma once

// /metrics, /healthz and /readyz on a port of their own, with a thread of their
// own: an engine under load or a stuck one does not hide them.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/http_server.h"
#include "common/telemetry/metrics.h"

namespace sluice {

// Both callbacks run on the server's thread and must neither block nor take an
// engine lock.
struct OpsCallbacks {
  // OK: 200 {"status":"healthy"}; otherwise 503 with the sentence. False here
  // means "restart me".
  std::function<absl::Status()> healthy;
  // OK: 200 {"status":"ready"}; otherwise 503. False means "send me nothing".
  std::function<absl::Status()> ready;
};

// Threads: any, except that Shutdown is called by one thread.
class OpsServer {
 public:
  // `metrics` is lent until the server is destroyed.
  // Errors: as HttpServer::Start.
  static absl::StatusOr<std::unique_ptr<OpsServer>> Start(
      const std::string& listen, Metrics& metrics, OpsCallbacks callbacks);

  uint16_t port() const { return server_->port(); }
  void Shutdown() { server_->Shutdown(0); }

 private:
  OpsServer() = default;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace sluice
