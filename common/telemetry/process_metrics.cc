#include "common/telemetry/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/cpu_budget.h"

namespace sluice {
namespace {

// Fields of /proc/self/stat after the program's name, which may contain
// anything; index 0 is field 3 of proc(5).
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > text.size()) return {};
  return absl::StrSplit(text.substr(name_end + 2), ' ');
}

double Field(const std::vector<std::string>& fields, int proc_number) {
  const size_t index = static_cast<size_t>(proc_number - 3);
  double value = 0;
  if (index >= fields.size()) return 0;
  return absl::SimpleAtod(fields[index], &value) ? value : 0;
}

double BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    if (words >> key >> value && key == "btime") return value;
  }
  return 0;
}

int64_t CountOpenFds() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int64_t count = -1;  // the one that reads the folder
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(folder);
  return count;
}

struct ProcessGauges {
  explicit ProcessGauges(Metrics& metrics)
      : cpu(metrics
                .AddCounter("process_cpu_seconds_total",
                            "User and system CPU time of the process.")
                .Get()),
        resident(metrics
                     .AddGauge("process_resident_memory_bytes",
                               "Memory that the process holds in RAM.")
                     .Get()),
        virtual_memory(metrics
                           .AddGauge("process_virtual_memory_bytes",
                                     "Address space of the process.")
                           .Get()),
        open_fds(
            metrics
                .AddGauge("process_open_fds", "File descriptors that are open.")
                .Get()),
        max_fds(metrics
                    .AddGauge("process_max_fds",
                              "File descriptors that may be open.")
                    .Get()),
        threads(metrics.AddGauge("process_threads", "Threads of the process.")
                    .Get()),
        start_time(metrics
                       .AddGauge("process_start_time_seconds",
                                 "When the process started, Unix time.")
                       .Get()) {}

  void Fill() {
    const ProcessStats stats = ReadProcessStats();
    if (stats.cpu_seconds > cpu.Value()) {
      cpu.Increment(stats.cpu_seconds - cpu.Value());
    }
    resident.Set(static_cast<double>(stats.resident_bytes));
    virtual_memory.Set(static_cast<double>(stats.virtual_bytes));
    open_fds.Set(static_cast<double>(stats.open_fds));
    max_fds.Set(static_cast<double>(stats.max_fds));
    threads.Set(static_cast<double>(stats.threads));
    start_time.Set(stats.start_time_seconds);
  }

  Counter& cpu;
  Gauge& resident;
  Gauge& virtual_memory;
  Gauge& open_fds;
  Gauge& max_fds;
  Gauge& threads;
  Gauge& start_time;
};

}  // namespace

ProcessStats ReadProcessStats() {
  const std::vector<std::string> fields = StatFields();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  ProcessStats stats;
  stats.cpu_seconds = (Field(fields, 14) + Field(fields, 15)) / ticks;
  stats.threads = static_cast<int64_t>(Field(fields, 20));
  stats.start_time_seconds = BootTimeSeconds() + Field(fields, 22) / ticks;
  stats.virtual_bytes = static_cast<int64_t>(Field(fields, 23));
  stats.resident_bytes =
      static_cast<int64_t>(Field(fields, 24)) * ::sysconf(_SC_PAGESIZE);
  stats.open_fds = CountOpenFds();
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    stats.max_fds = static_cast<int64_t>(limit.rlim_cur);
  }
  return stats;
}

void AddProcessMetrics(Metrics& metrics, std::string_view service) {
  metrics.AddCollector(
      [gauges = ProcessGauges(metrics)]() mutable { gauges.Fill(); });
  metrics
      .AddGauge("sluice_build_info", "Always 1; the labels say what runs.",
                {"service", "version"})
      .With({service, SLUICE_VERSION})
      .Set(1);
  const CpuBudget budget = ReadCpuBudget();
  metrics
      .AddGauge("sluice_cpu_quota_cores",
                "CPU seconds per second that the control group grants; 0 "
                "without a quota.")
      .Get()
      .Set(budget.quota_cores.value_or(0));
  metrics
      .AddGauge("sluice_cpu_usable_threads",
                "Threads that can compute at full speed at once.")
      .Get()
      .Set(budget.usable_threads());
}

}  // namespace sluice
