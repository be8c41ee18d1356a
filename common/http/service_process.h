#pragma once

// What the main of every service does once its parts exist: publish the ports,
// run until a signal, end in order.
//
//   int main(int argc, char** argv) {
//     ShareHeaps();
//     StopSignal stop;                       // before any other thread
//     absl::StatusOr<Config> config = ParseConfig(argc, argv);
//     ...
//     return ExitCode(RunUntilStopped(parts, options, stop, log));
//   }

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "common/concurrency/stop_signal.h"
#include "common/http/http_server.h"
#include "common/http/ops_server.h"
#include "common/rpc/rpc_server.h"
#include "common/telemetry/log.h"

namespace sluice {

// Behind the flags of the same names.
struct ServiceProcessOptions {
  std::string ports_file;  // empty: none
  std::string log_level = "info";
  int64_t drain_delay_ms = 200;        // between NOT_SERVING and refusing calls
  int64_t drain_grace_ms = 20'000;     // for running calls to end
  int64_t memory_release_ms = 60'000;  // between two releases; 0: none
};

// All lent for the call; null where a service has no such part.
struct ServiceParts {
  RpcServer* rpc = nullptr;
  HttpServer* http = nullptr;
  OpsServer* ops = nullptr;
  // Runs first when the end begins: readiness turns false.
  std::function<void()> on_drain;
};

// Writes the ports file, logs "ready", waits for `stop` (and gives memory that
// a peak left behind back to the system meanwhile); then: on_drain, health
// NOT_SERVING, delay, no new calls, running ones end within the grace, ops port
// last. Errors: those of the ports file, before anything is waited for.
absl::Status RunUntilStopped(const ServiceParts& parts,
                             const ServiceProcessOptions& options,
                             StopSignal& stop, Logger& log);

// Lets all threads share two heaps; by default each of up to eight a core has
// one of its own, and the peaks of all of them stay resident. First in main.
void ShareHeaps();

// 0 for OK; otherwise one sentence on standard error and 1.
int ExitCode(const absl::Status& status);

}  // namespace sluice
