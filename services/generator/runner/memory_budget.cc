#include "services/generator/runner/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sluice::generator {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

std::string ReadText(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The first number in a text; "max" and what is missing are no limit.
int64_t NumberIn(const std::string& text) {
  const std::vector<std::string> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  int64_t number = 0;
  return !words.empty() && absl::SimpleAtoi(words[0], &number) ? number
                                                               : kUnknown;
}

int64_t SystemAvailable(const std::string& root) {
  const std::string key = "MemAvailable:";
  const std::string text = ReadText(root + "/proc/meminfo");
  const size_t at = text.find(key);
  if (at == std::string::npos) return kUnknown;
  const int64_t kilobytes = NumberIn(text.substr(at + key.size()));
  return kilobytes == kUnknown ? kUnknown : kilobytes * 1024;
}

// The least limit of a group and of those it lies in.
int64_t LimitOnPath(const std::string& mount, std::string group,
                    const std::string& file) {
  int64_t least = kUnknown;
  for (;;) {
    least = std::min(least, NumberIn(ReadText(mount + group + "/" + file)));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

}  // namespace

int64_t AvailableMemoryBytes(const std::string& root) {
  int64_t least = SystemAvailable(root);
  const std::string mount = root + "/sys/fs/cgroup";
  const std::string groups = ReadText(root + "/proc/self/cgroup");
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(groups, '\n'))) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::string group = parts[2] == "/" ? "" : parts[2];
    if (parts[1].empty()) {
      least = std::min(least, LimitOnPath(mount, group, "memory.max"));
    } else if (parts[1] == "memory") {
      least = std::min(least, LimitOnPath(mount + "/memory", group,
                                          "memory.limit_in_bytes"));
    }
  }
  return least;
}

}  // namespace sluice::generator
