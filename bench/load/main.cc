// The list of parts of sluice-bench.

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/status/status.h"
#include "bench/load/config.h"
#include "bench/load/event_loop.h"
#include "bench/load/grpc_transport.h"
#include "bench/load/http_transport.h"
#include "bench/load/load_run.h"
#include "bench/load/report.h"
#include "bench/load/stub_server.h"
#include "common/base/clock.h"
#include "common/base/flag_reference.h"
#include "common/base/status_macros.h"
#include "common/concurrency/stop_signal.h"

namespace sluice::load {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kInterrupted = 130;  // 128 + SIGINT, as a shell says it

int Fail(const absl::Status& status, int exit_code) {
  std::cerr << "sluice-bench: " << status.message() << "\n";
  return exit_code;
}

absl::Status WriteReport(const std::string& path, const std::string& json) {
  std::ofstream file(path);
  file << json;
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnavailableError("json_out: cannot write " + path);
}

int ServeStub(const StubOptions& options, StopSignal& stop) {
  const auto stub = StubServer::Start(options);
  if (!stub.ok()) return Fail(stub.status(), kFailed);
  std::cout << "stub on " << (*stub)->target() << std::endl;
  stop.Wait();
  return 0;
}

absl::StatusOr<std::unique_ptr<Transport>> MakeTransport(
    const TargetOptions& target, EventLoop& loop) {
  if (target.face == "http") return MakeHttpTransport(target, loop);
  return MakeGrpcTransport(target, loop);
}

int RunLoad(const Config& config, StopSignal& stop) {
  LoadOptions options = config.load;
  if (options.target.face == "generator") {
    const auto size = AskVocabularySize(options.target.server);
    if (!size.ok()) return Fail(size.status(), kFailed);
    options.workload.vocabulary_size = *size;
  }
  const MonotonicClock clock;
  EventLoop loop(clock);
  const auto transport = MakeTransport(options.target, loop);
  if (!transport.ok()) return Fail(transport.status(), kFailed);
  const bool show = config.progress && ::isatty(STDERR_FILENO) == 1;
  RunHooks hooks;
  hooks.interrupted = [&stop] { return stop.requested(); };
  if (show) {
    hooks.on_tick = [](const Standing& standing) {
      std::cerr << "\r\033[K" << ProgressLine(standing) << std::flush;
    };
  }
  LoadRun run(options, loop, **transport, hooks);
  run.Run();
  if (show) std::cerr << "\r\033[K";
  std::cout << ReportTable(options, run);
  if (!config.json_out.empty()) {
    const absl::Status written =
        WriteReport(config.json_out, ReportJson(options, run));
    if (!written.ok()) return Fail(written, kFailed);
  }
  if (run.was_interrupted()) return kInterrupted;
  const Results& results = run.results();
  const bool nothing_worked =
      results.all().finished == 0 && !results.errors.empty();
  return results.violations > 0 || nothing_worked ? kFailed : 0;
}

int Main(int argc, char** argv) {
  StopSignal stop;  // before any other thread
  const absl::StatusOr<Config> config = ParseConfig(argc, argv);
  if (!config.ok()) return Fail(config.status(), kWrongUsage);
  if (!config->reference.empty()) {
    std::cout << FlagReferenceMarkdown("sluice-bench", "load/config.cc");
    return 0;
  }
  if (config->stub) return ServeStub(config->stub_server, stop);
  return RunLoad(*config, stop);
}

}  // namespace
}  // namespace sluice::load

int main(int argc, char** argv) { return sluice::load::Main(argc, argv); }
