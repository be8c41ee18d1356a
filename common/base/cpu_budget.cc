#include "common/base/cpu_budget.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice {
namespace {

// Files of /proc and /sys have no size to ask for; these are all short.
std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<double> FirstNumber(const std::string& path) {
  std::istringstream text(ReadText(path));
  double value = 0;
  if (!(text >> value)) return std::nullopt;
  return value;
}

std::vector<int> AffinityCpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof(mask), &mask) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
  }
  return cpus;
}

// Distinct (package, core) pairs; a processor without topology is a core.
int CountCores(const std::string& root, const std::vector<int>& cpus) {
  std::set<std::pair<double, double>> cores;
  for (const int cpu : cpus) {
    const std::string folder =
        absl::StrCat(root, "/sys/devices/system/cpu/cpu", cpu, "/topology/");
    const std::optional<double> core = FirstNumber(folder + "core_id");
    const std::optional<double> package =
        FirstNumber(folder + "physical_package_id");
    cores.insert(core && package ? std::pair(*package, *core)
                                 : std::pair(-1.0, double(cpu)));
  }
  return static_cast<int>(cores.size());
}

void KeepSmaller(std::optional<double> value, std::optional<double>& smallest) {
  if (value && (!smallest || *value < *smallest)) smallest = value;
}

std::optional<double> QuotaV2(const std::string& folder) {
  std::istringstream text(ReadText(folder + "/cpu.max"));
  std::string quota;
  double period = 0;
  double micros = 0;
  if (!(text >> quota >> period) || period <= 0) return std::nullopt;
  if (!absl::SimpleAtod(quota, &micros)) return std::nullopt;  // "max"
  return micros / period;
}

std::optional<double> QuotaV1(const std::string& folder) {
  const auto quota = FirstNumber(folder + "/cpu.cfs_quota_us");
  const auto period = FirstNumber(folder + "/cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// The tightest quota of the group and all groups above it. Inside a container
// the group's own path may not be visible; its root then holds the limit.
template <typename ReadQuota>
void WalkUp(const std::string& mount, std::string group, ReadQuota read,
            std::optional<double>& smallest) {
  while (true) {
    KeepSmaller(read(mount + group), smallest);
    const size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return;
    group.resize(slash);
  }
}

std::optional<double> ReadQuota(const std::string& root) {
  std::optional<double> smallest;
  const std::string groups = ReadText(root + "/proc/self/cgroup");
  const std::string mount = root + "/sys/fs/cgroup";
  for (const absl::string_view line : absl::StrSplit(groups, '\n')) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[1].empty()) WalkUp(mount, parts[2], QuotaV2, smallest);
    for (const absl::string_view name : absl::StrSplit(parts[1], ',')) {
      if (name == "cpu") WalkUp(mount + "/cpu", parts[2], QuotaV1, smallest);
    }
  }
  return smallest;
}

}  // namespace

int CpuBudget::usable_threads() const {
  int threads = std::min(logical_cpus, physical_cores);
  if (quota_cores) {
    threads = std::min(threads, static_cast<int>(std::floor(*quota_cores)));
  }
  return std::max(threads, 1);
}

CpuBudget ReadCpuBudget(const std::string& root) {
  const std::vector<int> cpus = AffinityCpus();
  CpuBudget budget;
  budget.logical_cpus = std::max(static_cast<int>(cpus.size()), 1);
  budget.physical_cores = std::max(CountCores(root, cpus), 1);
  budget.quota_cores = ReadQuota(root);
  return budget;
}

}  // namespace sluice
