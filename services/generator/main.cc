// The list of parts of sluice-generator.

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/error_info.h"
#include "common/base/flag_reference.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/concurrency/stop_signal.h"
#include "common/concurrency/ticker.h"
#include "common/http/ops_server.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/telemetry/process_metrics.h"
#include "services/generator/config.h"
#include "services/generator/engine/engine.h"
#include "services/generator/engine/generator_metrics.h"
#include "services/generator/inspect.h"
#include "services/generator/load_model.h"
#include "services/generator/make_random_model.h"
#include "services/generator/service/generator_service.h"

namespace sluice::generator {
namespace {

constexpr std::string_view kProgram = "sluice-generator";

absl::Status PrintReference(const std::string& page) {
  Metrics metrics;
  AddProcessMetrics(metrics, "generator");
  GeneratorMetrics declared(metrics);
  const std::string text = page == "flags"
                               ? FlagReferenceMarkdown(kProgram)
                               : metrics.ReferenceMarkdown(kProgram);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

absl::Status Readiness(const Engine& engine) {
  if (engine.draining()) {
    return WithReason(absl::UnavailableError("generator: draining"),
                      kReasonDraining);
  }
  return engine.Healthy();
}

constexpr Nanos kHealthPeriod = 100 * kNanosPerMilli;

// A hung engine is not sent requests, and gets them again when it goes on.
class HealthReport {
 public:
  // Both must outlive it.
  HealthReport(const Engine& engine, RpcServer& rpc)
      : engine_(engine),
        rpc_(rpc),
        ticker_(kHealthPeriod, [this] { Tell(); }) {}

 private:
  void Tell() {
    const bool healthy = engine_.Healthy().ok();
    if (healthy == serving_) return;
    serving_ = healthy;
    rpc_.SetServing(healthy);
  }

  const Engine& engine_;
  RpcServer& rpc_;
  bool serving_ = false;  // the ticker's own
  const Ticker ticker_;
};

// Parts are declared in the order in which they may be torn down in reverse.
absl::Status Serve(const Config& config, StopSignal& stop) {
  ASSIGN_OR_RETURN(LogLevel level, ParseLogLevel(config.process.log_level));
  Logger log("generator", level);
  ASSIGN_OR_RETURN(LoadedModel model, LoadModel({.directory = config.model,
                                                 .name = config.model_name,
                                                 .backend = config.backend},
                                                log));
  const MonotonicClock clock;
  SystemRandom random;
  LoadBoard board;
  Metrics metrics;
  AddProcessMetrics(metrics, "generator");
  GeneratorMetrics generator_metrics(metrics);
  SetModelMetrics(generator_metrics, model.served.info, model.load_seconds);
  for (const LoadPhase& phase : model.phases) {
    generator_metrics.model.load_phase_seconds.With({phase.name})
        .Set(phase.seconds);
  }
  CollectLoad(metrics, generator_metrics, board, clock,
              model.served.info.block_bytes);
  std::unique_ptr<EngineTrace> trace;
  if (!config.engine_trace.empty()) {
    ASSIGN_OR_RETURN(trace, EngineTrace::Open(config.engine_trace));
  }
  WritePump pump;
  Engine engine(config.engine, {.runner = *model.runner,
                                .vocabulary = model.vocabulary,
                                .clock = clock,
                                .metrics = generator_metrics,
                                .board = board,
                                .trace = trace.get()});
  GeneratorService service(
      model.served, {engine, pump, board, clock, random, generator_metrics});
  ASSIGN_OR_RETURN(
      std::unique_ptr<OpsServer> ops,
      OpsServer::Start(config.ops_listen, metrics,
                       {.healthy = [&engine] { return engine.Healthy(); },
                        .ready = [&engine] { return Readiness(engine); }}));
  ASSIGN_OR_RETURN(std::unique_ptr<RpcServer> rpc,
                   RpcServer::Start(config.rpc, {&service},
                                    {v1::GeneratorService::service_full_name(),
                                     model.served.name},
                                    &metrics));
  const HealthReport health(engine, *rpc);
  return RunUntilStopped({.rpc = rpc.get(),
                          .ops = ops.get(),
                          .on_drain = [&engine] { engine.Drain(); }},
                         config.process, stop, log);
}

absl::Status ServeMain(int argc, char** argv) {
  ShareHeaps();
  StopSignal stop;  // before any other thread
  ASSIGN_OR_RETURN(Config config, ParseConfig(argc, argv));
  if (!config.reference.empty()) return PrintReference(config.reference);
  return Serve(config, stop);
}

}  // namespace
}  // namespace sluice::generator

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  const std::vector<std::string> rest(argv + (argc > 1 ? 2 : 1), argv + argc);
  if (command == "inspect") return sluice::generator::InspectCommand(rest);
  if (command == "make-random-model") {
    return sluice::generator::MakeRandomModelCommand(rest);
  }
  return sluice::ExitCode(sluice::generator::ServeMain(argc, argv));
}
