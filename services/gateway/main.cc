// The list of parts of sluice-gateway.

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/error_info.h"
#include "common/base/flag_reference.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/concurrency/stop_signal.h"
#include "common/concurrency/ticker.h"
#include "common/http/http_server.h"
#include "common/http/ops_server.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/telemetry/process_metrics.h"
#include "services/gateway/clients/backend_set.h"
#include "services/gateway/config.h"
#include "services/gateway/grpc/gateway_service.h"
#include "services/gateway/http/gateway_routes.h"
#include "services/gateway/metrics.h"
#include "services/gateway/pipeline/pipeline.h"
#include "services/gateway/presets/presets.h"
#include "services/gateway/web/web_routes.h"

namespace sluice::gateway {
namespace {

constexpr std::string_view kProgram = "sluice-gateway";
constexpr Nanos kTick = 50 * kNanosPerMilli;

absl::Status PrintReference(const std::string& page) {
  Metrics metrics;
  AddProcessMetrics(metrics, "gateway");
  GatewayMetrics declared(metrics);
  const std::string text = page == "flags"
                               ? FlagReferenceMarkdown(kProgram)
                               : metrics.ReferenceMarkdown(kProgram);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

// All parts of a running Gateway, in the order in which they are made.
class Gateway {
 public:
  Gateway(const Config& config, LogLevel level)
      : config_(config),
        log_("gateway", level),
        metrics_of_requests_(metrics_),
        telemetry_(metrics_of_requests_, log_),
        presets_(PresetCatalog::BuiltIn()),
        backends_(config.backends, clock_, log_),
        public_prefixes_(std::make_shared<PublicPrefixes>(config.public_prompts,
                                                          clock_, random_)),
        pipeline_(config.pipeline, {.router = backends_,
                                    .presets = presets_,
                                    .clock = clock_,
                                    .random = random_,
                                    .observer = telemetry_,
                                    .public_prefixes = public_prefixes_.get()}),
        service_(MakeGatewayService(pipeline_, config.tenant_header)) {
    AddProcessMetrics(metrics_, "gateway");
  }
  ~Gateway() {
    pipeline_.BeginDrain();
    pipeline_.CancelAll();
  }

  absl::Status Serve(StopSignal& stop) {
    RETURN_IF_ERROR(Listen());
    metrics_.AddCollector([this] { Collect(); });
    const Ticker ticker(kTick, [this] { Tick(); });
    return RunUntilStopped({.rpc = rpc_.get(),
                            .http = http_.get(),
                            .ops = ops_.get(),
                            .on_drain = [this] { Drain(); }},
                           config_.process, stop, log_);
  }

 private:
  absl::Status Listen() {
    std::vector<HttpRoute> routes =
        GatewayRoutes({.pipeline = pipeline_,
                       .clock = clock_,
                       .ready = [this] { return ReadyAsAnnounced(); },
                       .tenant_header = config_.tenant_header});
    for (HttpRoute& route : WebRoutes()) routes.push_back(std::move(route));
    ASSIGN_OR_RETURN(http_, HttpServer::Start(config_.http, std::move(routes)));
    ASSIGN_OR_RETURN(
        rpc_, RpcServer::Start(config_.rpc, {service_.get()},
                               {std::string(kGatewayServiceName)}, &metrics_));
    ASSIGN_OR_RETURN(
        ops_,
        OpsServer::Start(config_.ops_listen, metrics_,
                         {.healthy = [] { return absl::OkStatus(); },
                          .ready = [this] { return ReadyAsAnnounced(); }}));
    return absl::OkStatus();
  }

  absl::Status Ready() const {
    if (!draining_) return backends_.Ready();
    return WithReason(absl::UnavailableError("gateway: draining"),
                      kReasonDraining);
  }

  // Who heard "ready" over HTTP hears it over gRPC as well.
  absl::Status ReadyAsAnnounced() const {
    const absl::Status ready = Ready();
    if (!ready.ok() || serving_) return ready;
    return absl::UnavailableError("gateway: about to be ready");
  }

  // Runs on the ticker's thread.
  void Tick() {
    backends_.Tick();
    pipeline_.Tick();
    if (!config_.public_prompts.empty() && !draining_) {
      public_prefixes_->Tick(backends_.Routes());
    }
    const bool ready = Ready().ok();
    if (ready == serving_) return;
    rpc_->SetServing(ready);
    serving_ = ready;
  }

  void Drain() {
    draining_ = true;
    pipeline_.BeginDrain();
  }

  void Collect() {
    const auto [tokenizers, generators] = backends_.ready_counts();
    metrics_of_requests_.backends_ready.With({"tokenizer"}).Set(tokenizers);
    metrics_of_requests_.backends_ready.With({"generator"}).Set(generators);
    metrics_of_requests_.streams_paused.Get().Set(pipeline_.paused());
    metrics_of_requests_.http_connections.Get().Set(http_->connections());
  }

  const Config& config_;
  Logger log_;
  const MonotonicClock clock_;
  SystemRandom random_;
  Metrics metrics_;
  GatewayMetrics metrics_of_requests_;
  RequestTelemetry telemetry_;
  const PresetCatalog presets_;
  BackendSet backends_;
  const std::shared_ptr<PublicPrefixes> public_prefixes_;
  Pipeline pipeline_;
  std::unique_ptr<grpc::Service> service_;
  std::atomic<bool> draining_ = false;
  std::atomic<bool> serving_ = false;  // as gRPC health says; set by the ticker
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<OpsServer> ops_;
};

absl::Status Main(int argc, char** argv) {
  ShareHeaps();
  StopSignal stop;  // before any other thread
  ASSIGN_OR_RETURN(const Config config, ParseConfig(argc, argv));
  if (!config.reference.empty()) return PrintReference(config.reference);
  ASSIGN_OR_RETURN(const LogLevel level,
                   ParseLogLevel(config.process.log_level));
  return Gateway(config, level).Serve(stop);
}

}  // namespace
}  // namespace sluice::gateway

int main(int argc, char** argv) {
  return sluice::ExitCode(sluice::gateway::Main(argc, argv));
}
