#include "services/generator/kernels/cpu_budget.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

namespace sluice::generator::kernels {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr int kMaxCpus = 1 << 16;

// First words of a file; empty when it cannot be read.
std::vector<std::string> ReadWords(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  std::string word;
  while (words.size() < 4 && file >> word) words.push_back(word);
  return words;
}

// quota / period; unlimited for "max", -1 and whatever is not a number.
double Ratio(const std::string& quota, const std::string& period) {
  const double q = std::strtod(quota.c_str(), nullptr);
  const double p = std::strtod(period.c_str(), nullptr);
  return q > 0.0 && p > 0.0 ? q / p : kUnlimited;
}

double QuotaV2(const std::string& directory) {
  const std::vector<std::string> words = ReadWords(directory + "/cpu.max");
  if (words.empty()) return kUnlimited;
  return Ratio(words[0], words.size() > 1 ? words[1] : "100000");
}

double QuotaV1(const std::string& directory) {
  const auto quota = ReadWords(directory + "/cpu.cfs_quota_us");
  const auto period = ReadWords(directory + "/cpu.cfs_period_us");
  if (quota.empty() || period.empty()) return kUnlimited;
  return Ratio(quota[0], period[0]);
}

// The tightest of a group and those around it. A container may see a path
// that is not mounted inside; the groups that are there still count.
template <typename Quota>
double TightestQuota(const std::string& mount, std::string path, Quota quota) {
  double tightest = quota(mount);
  while (path.size() > 1) {
    tightest = std::min(tightest, quota(mount + path));
    path.resize(path.rfind('/'));
  }
  return tightest;
}

bool ListHas(const std::string& list, const std::string& wanted) {
  std::istringstream stream(list);
  std::string item;
  while (std::getline(stream, item, ',')) {
    if (item == wanted) return true;
  }
  return false;
}

double CgroupQuota(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  double tightest = kUnlimited;
  std::string line;
  while (std::getline(groups, line)) {
    // hierarchy:controllers:path
    const size_t first = line.find(':');
    const size_t second =
        first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers.empty()) {
      tightest = std::min(tightest, TightestQuota(mount, path, QuotaV2));
    } else if (ListHas(controllers, "cpu")) {
      tightest =
          std::min(tightest, TightestQuota(mount + "/cpu", path, QuotaV1));
    }
  }
  return tightest;
}

int PhysicalCores(const std::string& root, const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (int cpu : cpus) {
    const std::string id = std::to_string(cpu);
    const auto siblings = ReadWords(root + "/sys/devices/system/cpu/cpu" + id +
                                    "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? id : siblings[0]);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

std::vector<int> AllowedCpus() {
  for (int size = 1024; size <= kMaxCpus; size *= 2) {
    cpu_set_t* set = CPU_ALLOC(size);
    const size_t bytes = CPU_ALLOC_SIZE(size);
    const int failed = sched_getaffinity(0, bytes, set);
    const bool too_small = failed != 0 && errno == EINVAL;
    std::vector<int> cpus;
    for (int cpu = 0; failed == 0 && cpu < size; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (!too_small) return cpus;
  }
  return {};
}

}  // namespace

CpuBudget ComputeCpuBudget(const std::string& root,
                           const std::vector<int>& allowed_cpus) {
  CpuBudget budget;
  budget.quota_cpus = CgroupQuota(root);
  budget.allowed_cpus = std::max(1, static_cast<int>(allowed_cpus.size()));
  budget.physical_cores = PhysicalCores(root, allowed_cpus);
  const double least =
      std::min<double>(budget.quota_cpus, budget.physical_cores);
  budget.threads = std::max(1, static_cast<int>(std::floor(least)));
  return budget;
}

CpuBudget ReadCpuBudget() { return ComputeCpuBudget("", AllowedCpus()); }

}  // namespace sluice::generator::kernels
