#pragma once

#include <string_view>

#include "common/telemetry/metrics.h"

namespace sluice {

// What the kernel knows of a process. Zeros where it does not say.
struct ProcessStats {
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  double cpu_seconds = 0;  // user and system
  int64_t open_fds = 0;
  int64_t max_fds = 0;
  int64_t threads = 0;
  double start_time_seconds = 0;  // since the Unix epoch
};

// Of this process. Threads: any.
ProcessStats ReadProcessStats();

// process_* under the names every Prometheus client uses, sluice_build_info
// {service, version}, sluice_cpu_quota_cores (0: no quota) and
// sluice_cpu_usable_threads. Every service calls it once.
void AddProcessMetrics(Metrics& metrics, std::string_view service);

}  // namespace sluice
