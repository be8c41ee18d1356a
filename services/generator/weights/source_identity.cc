#include "services/generator/weights/source_identity.h"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/file.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;

// Longer than any tick of the kernel's clock for files.
constexpr int64_t kTickNanos = 20'000'000;

int64_t NanosOf(const timespec& time) {
  return int64_t{time.tv_sec} * kNanosPerSecond + time.tv_nsec;
}

absl::StatusOr<std::vector<fs::path>> SourceFiles(
    const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (absl::EndsWith(name, ".safetensors") ||
        absl::EndsWith(name, ".safetensors.index.json")) {
      files.push_back(entry->path());
    }
  }
  if (error) return FileError(directory, "cannot be listed", error.value());
  std::sort(files.begin(), files.end());
  return files;
}

// Links are followed: what they lead to is what is read.
absl::StatusOr<struct stat> StatusOf(const fs::path& path) {
  struct stat file = {};
  if (stat(path.c_str(), &file) != 0) {
    return FileError(path.string(), "cannot be read", errno);
  }
  return file;
}

// Time until the tick of the youngest change is surely over; none when it is.
int64_t UnsettledNanos(const std::vector<struct stat>& files) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t wait = 0;
  for (const struct stat& file : files) {
    const int64_t age = NanosOf(now) - NanosOf(file.st_ctim);
    // The future is another machine's clock: waiting would not help.
    if (age >= 0) wait = std::max(wait, kTickNanos - age);
  }
  return wait;
}

}  // namespace

absl::StatusOr<std::string> SourceIdentity(const std::string& directory) {
  auto paths = SourceFiles(directory);
  if (!paths.ok()) return paths.status();
  const auto read_all = [&]() -> absl::StatusOr<std::vector<struct stat>> {
    std::vector<struct stat> files;
    for (const fs::path& path : *paths) {
      auto file = StatusOf(path);
      if (!file.ok()) return file.status();
      files.push_back(*file);
    }
    return files;
  };
  auto files = read_all();
  if (!files.ok()) return files.status();
  if (const int64_t wait = UnsettledNanos(*files); wait > 0) {
    const timespec pause = {0, static_cast<long>(wait)};
    nanosleep(&pause, nullptr);
    files = read_all();
    if (!files.ok()) return files.status();
  }
  std::string identity;
  for (size_t i = 0; i < paths->size(); ++i) {
    const struct stat& file = (*files)[i];
    absl::StrAppend(&identity, (*paths)[i].filename().string(), " bytes ",
                    file.st_size, " inode ", file.st_ino, " modified ",
                    NanosOf(file.st_mtim), " changed ", NanosOf(file.st_ctim),
                    "\n");
  }
  return identity;
}

}  // namespace sluice::generator
