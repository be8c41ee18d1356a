#pragma once

// How many processors this process may really use. Threads: any.

#include <optional>
#include <string>

namespace sluice {

struct CpuBudget {
  int logical_cpus = 1;    // in the affinity mask (cpuset)
  int physical_cores = 1;  // distinct cores among those
  // CPU seconds per second that the control group grants; none: no quota.
  std::optional<double> quota_cores;

  // Threads that can compute at full speed at once: the smallest of the above,
  // rounded down, at least 1.
  int usable_threads() const;
};

// `root` stands in for "/" in tests.
CpuBudget ReadCpuBudget(const std::string& root = "");

}  // namespace sluice
