#include "common/http/ops_server.h"

#include <utility>
#include <vector>

#include "common/http/http_error.h"

namespace sluice {
namespace {

// Probes and scrapers are few.
constexpr int32_t kMaxConnections = 64;

HttpResponse Verdict(const absl::Status& status, const char* good) {
  HttpResponse response;
  if (status.ok()) {
    response.body = std::string("{\"status\":\"") + good + "\"}\n";
  } else {
    response = ErrorResponse(503, status);
  }
  return response;
}

HttpRoute Probe(const char* path, std::function<absl::Status()> check,
                const char* good) {
  return {
      "GET", path,
      [check = std::move(check), good](std::shared_ptr<HttpExchange> exchange) {
        exchange->Respond(Verdict(check ? check() : absl::OkStatus(), good));
      }};
}

}  // namespace

absl::StatusOr<std::unique_ptr<OpsServer>> OpsServer::Start(
    const std::string& listen, Metrics& metrics, OpsCallbacks callbacks) {
  HttpServerOptions options;
  options.listen = listen;
  options.io_threads = 1;
  options.max_connections = kMaxConnections;
  std::vector<HttpRoute> routes = {
      Probe("/healthz", std::move(callbacks.healthy), "healthy"),
      Probe("/readyz", std::move(callbacks.ready), "ready"),
      {"GET", "/metrics", [&metrics](std::shared_ptr<HttpExchange> exchange) {
         HttpResponse response;
         response.content_type = "text/plain; version=0.0.4; charset=utf-8";
         response.body = metrics.Serialize();
         exchange->Respond(std::move(response));
       }}};
  std::unique_ptr<OpsServer> ops(new OpsServer());
  auto server = HttpServer::Start(options, std::move(routes));
  if (!server.ok()) return server.status();
  ops->server_ = *std::move(server);
  return ops;
}

}  // namespace sluice
