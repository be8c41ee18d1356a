#include "common/http/service_process.h"

#include <malloc.h>

#include <algorithm>
#include <cstdio>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ports_file.h"
#include "common/base/status_macros.h"

namespace sluice {
namespace {

BoundPorts PortsOf(const ServiceParts& parts) {
  BoundPorts ports;
  if (parts.rpc != nullptr) ports.grpc = parts.rpc->port();
  if (parts.http != nullptr) ports.http = parts.http->port();
  if (parts.ops != nullptr) ports.ops = parts.ops->port();
  return ports;
}

void LogReady(const BoundPorts& ports, Logger& log) {
  log.Info("ready", {{"grpc_port", int{ports.grpc.value_or(0)}},
                     {"http_port", int{ports.http.value_or(0)}},
                     {"ops_port", int{ports.ops.value_or(0)}}});
}

// What the allocator keeps after a peak would stay resident for good, and each
// rare peak would add to it.
void ReleaseMemoryUntilStopped(int64_t every_ms, StopSignal& stop) {
  if (every_ms == 0) return stop.Wait();
  while (!stop.WaitFor(every_ms * kNanosPerMilli)) ::malloc_trim(0);
}

void Drain(const ServiceParts& parts, const ServiceProcessOptions& options) {
  const MonotonicClock clock;
  if (parts.on_drain) parts.on_drain();
  if (parts.rpc != nullptr) parts.rpc->StopServing();
  // Time for balancers to notice, of which nobody tells us; a second signal
  // ends the process anyway.
  absl::Notification never;
  never.WaitForNotificationWithTimeout(
      absl::Milliseconds(options.drain_delay_ms));
  const Nanos end = clock.Now() + options.drain_grace_ms * kNanosPerMilli;
  if (parts.http != nullptr) parts.http->StopAccepting();
  if (parts.rpc != nullptr) {
    parts.rpc->Shutdown(std::max<Nanos>(end - clock.Now(), 0));
  }
  if (parts.http != nullptr) {
    parts.http->Shutdown(std::max<Nanos>(end - clock.Now(), 0));
  }
  if (parts.ops != nullptr) parts.ops->Shutdown();
}

}  // namespace

absl::Status RunUntilStopped(const ServiceParts& parts,
                             const ServiceProcessOptions& options,
                             StopSignal& stop, Logger& log) {
  const BoundPorts ports = PortsOf(parts);
  RETURN_IF_ERROR(WritePortsFile(options.ports_file, ports));
  LogReady(ports, log);
  ReleaseMemoryUntilStopped(options.memory_release_ms, stop);
  log.Info("draining", {{"drain_delay_ms", options.drain_delay_ms},
                        {"drain_grace_ms", options.drain_grace_ms}});
  Drain(parts, options);
  log.Info("stopped");
  return absl::OkStatus();
}

void ShareHeaps() {
  constexpr int kHeaps = 2;
  ::mallopt(M_ARENA_MAX, kHeaps);
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  const absl::string_view message = status.message();
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()),
               message.data());
  return 1;
}

}  // namespace sluice
