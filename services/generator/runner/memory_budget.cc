#include "services/generator/runner/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
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

// The number behind a word that begins a line; 0 when there is none.
int64_t NumberOf(const std::string& text, const std::string& word) {
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    if (!absl::StartsWith(line, word + " ")) continue;
    const int64_t number = NumberIn(line.substr(word.size()));
    return number == kUnknown ? 0 : number;
  }
  return 0;
}

// How a version of control groups calls its files.
struct GroupFiles {
  std::string limit;
  std::string usage;
  // In memory.stat: pages of files that count as used and are given up first.
  std::string idle_cache;
};

int64_t RoomIn(const std::string& directory, const GroupFiles& files) {
  const int64_t limit = NumberIn(ReadText(directory + files.limit));
  if (limit == kUnknown) return kUnknown;
  const int64_t usage = NumberIn(ReadText(directory + files.usage));
  const int64_t idle =
      NumberOf(ReadText(directory + "memory.stat"), files.idle_cache);
  const int64_t used =
      usage == kUnknown ? 0 : std::max<int64_t>(usage - idle, 0);
  return std::max<int64_t>(limit - used, 0);
}

// The least room in a group and in those it lies in.
int64_t RoomOnPath(const std::string& mount, std::string group,
                   const GroupFiles& files) {
  int64_t least = kUnknown;
  for (;;) {
    least = std::min(least, RoomIn(mount + group + "/", files));
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
      least = std::min(
          least, RoomOnPath(mount, group,
                            {"memory.max", "memory.current", "inactive_file"}));
    } else if (parts[1] == "memory") {
      least = std::min(
          least, RoomOnPath(mount + "/memory", group,
                            {"memory.limit_in_bytes", "memory.usage_in_bytes",
                             "total_inactive_file"}));
    }
  }
  return least;
}

}  // namespace sluice::generator
