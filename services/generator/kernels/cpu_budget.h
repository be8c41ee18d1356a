#pragma once

// How many threads may compute: cgroup quota, cpuset and physical cores.

#include <string>
#include <vector>

namespace sluice::generator::kernels {

struct CpuBudget {
  // CPUs per period that the tightest cgroup grants (version 1 or 2);
  // infinity without a quota.
  double quota_cpus = 0.0;
  int allowed_cpus = 1;    // of the cpuset and affinity
  int physical_cores = 1;  // that the allowed CPUs belong to
  // The least of the three, rounded down, at least 1.
  int threads = 1;
};

// Of this process, now.
CpuBudget ReadCpuBudget();

// The same from a file tree that looks like / and a list of CPUs.
CpuBudget ComputeCpuBudget(const std::string& root,
                           const std::vector<int>& allowed_cpus);

}  // namespace sluice::generator::kernels
