#include "services/generator/weights/pack_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/error_info.h"
#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSlotDigits = 16;
constexpr size_t kKeyDigits = 32;
constexpr char kSuffix[] = ".pack";
constexpr char kUnfinished[] = ".unfinished-";
constexpr mode_t kOwnerOnly = 0600;

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) close(fd_);
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Removes a file unless it was kept.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    if (!kept_) (void)unlink(path_.c_str());
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }
  void Keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

std::string SlotName(const PackKey& key) {
  return Sha256Hex(key.slot).substr(0, kSlotDigits);
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  const fs::path path(directory);
  if (fs::is_directory(path, error)) return absl::OkStatus();
  fs::create_directories(path.parent_path(), error);
  if (mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  return FileError(directory, "cannot be made", errno);
}

absl::Status SyncDirectory(const std::string& directory) {
  const OwnedFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0 && fsync(fd.get()) == 0) return absl::OkStatus();
  return FileError(directory, "cannot be written", errno);
}

bool IsHex(absl::string_view text, size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

// Whether a name is one that we give; a user's own files are left alone.
bool IsUnfinished(absl::string_view name) {
  return IsHex(name.substr(0, kSlotDigits), kSlotDigits) &&
         absl::StartsWith(name.substr(kSlotDigits), kUnfinished);
}

bool IsPack(absl::string_view name) {
  return absl::ConsumeSuffix(&name, kSuffix) &&
         name.size() == kSlotDigits + 1 + kKeyDigits &&
         name[kSlotDigits] == '-' &&
         IsHex(name.substr(0, kSlotDigits), kSlotDigits) &&
         IsHex(name.substr(kSlotDigits + 1), kKeyDigits);
}

struct CachedFile {
  std::string path;
  std::string name;
  int64_t bytes = 0;
  fs::file_time_type used;
};

// Our files in a directory, the least recently used first.
std::vector<CachedFile> FilesIn(const std::string& directory) {
  std::vector<CachedFile> files;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    CachedFile file;
    file.path = entry->path().string();
    file.name = entry->path().filename().string();
    if (!IsPack(file.name) && !IsUnfinished(file.name)) continue;
    // Another process may have removed it meanwhile.
    std::error_code gone;
    file.bytes = static_cast<int64_t>(entry->file_size(gone));
    file.used = entry->last_write_time(gone);
    if (!gone) files.push_back(std::move(file));
  }
  std::sort(
      files.begin(), files.end(),
      [](const CachedFile& a, const CachedFile& b) { return a.used < b.used; });
  return files;
}

// Whether a process is still writing it: writers hold a lock.
bool IsBeingWritten(const std::string& path) {
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd.get() >= 0 && flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
}

// Its own or the administrator's: who may write a pack decides what the model
// says.
absl::Status CheckOwner(int fd, const std::string& path) {
  struct stat file = {};
  if (fstat(fd, &file) != 0) return FileError(path, "cannot be read", errno);
  if (!S_ISREG(file.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, ": no file"));
  }
  if (file.st_uid == geteuid() || file.st_uid == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(path, ": belongs to another user, got ", file.st_uid,
                   ", limit ", geteuid(), " or 0"));
}

}  // namespace

absl::Status CheckOptions(const PackCacheOptions& options) {
  if (options.directory.empty()) {
    return FieldError("pack_cache", "empty", "", "auto, off or a directory");
  }
  if (options.max_bytes < 0) {
    return FieldError("pack_cache_bytes", "out of range",
                      absl::StrCat(options.max_bytes), "at least 0");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> PackCacheDirectory(
    const PackCacheOptions& options) {
  if (options.directory == "off") return std::nullopt;
  if (options.directory != "auto") return options.directory;
  // The XDG specification has relative paths ignored.
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/')
    return absl::StrCat(cache, "/sluice");
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') {
    return absl::StrCat(home, "/.cache/sluice");
  }
  return absl::NotFoundError(
      "neither XDG_CACHE_HOME nor HOME names a directory; "
      "--pack_cache does");
}

std::string PackCache::PathOf(const PackKey& key) const {
  return absl::StrCat(directory_, "/", SlotName(key), "-",
                      Sha256Hex(key.text).substr(0, kKeyDigits), kSuffix);
}

absl::StatusOr<std::string> PackCache::Load(
    const PackKey& key, absl::Span<uint8_t> payload, kernels::ThreadPool& pool,
    const PackProgress& progress) const {
  const std::string path = PathOf(key);
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    if (errno == ENOENT) return absl::NotFoundError(path);
    return FileError(path, "cannot be read", errno);
  }
  RETURN_IF_ERROR(CheckOwner(fd.get(), path));
  ASSIGN_OR_RETURN(std::string hash, ReadPackFile(fd.get(), path, key.text,
                                                  payload, pool, progress));
  // Says when it was used last; where it may not, it is evicted earlier.
  (void)futimens(fd.get(), nullptr);
  return hash;
}

absl::Status PackCache::Save(const PackKey& key, const std::string& hash,
                             absl::Span<const uint8_t> payload,
                             kernels::ThreadPool& pool) const {
  const int64_t bytes =
      PackFileBytes(key.text, static_cast<int64_t>(payload.size()));
  if (bytes > max_bytes_) {
    return FieldError("pack_cache_bytes", "too small for this model",
                      absl::StrCat(max_bytes_),
                      absl::StrCat("at least ", bytes));
  }
  RETURN_IF_ERROR(MakeDirectory(directory_));
  MakeRoom(key, bytes);
  std::string path =
      absl::StrCat(directory_, "/", SlotName(key), kUnfinished, "XXXXXX");
  const OwnedFd fd(mkostemp(path.data(), O_CLOEXEC));
  if (fd.get() < 0) return FileError(directory_, "cannot be written", errno);
  Unfinished unfinished(path);
  if (flock(fd.get(), LOCK_EX) != 0 || fchmod(fd.get(), kOwnerOnly) != 0) {
    return FileError(path, "cannot be written", errno);
  }
  RETURN_IF_ERROR(WritePackFile(fd.get(), path, key.text, hash, payload, pool));
  if (rename(path.c_str(), PathOf(key).c_str()) != 0) {
    return FileError(path, "cannot be renamed", errno);
  }
  unfinished.Keep();
  return SyncDirectory(directory_);
}

// Removes what a writer that died left, packs of the same slot that are out of
// date, and the least recently used until `bytes` more fit. What other
// processes are reading stays with them until they are done.
void PackCache::MakeRoom(const PackKey& key, int64_t bytes) const {
  const std::string path = PathOf(key);
  const std::string slot = absl::StrCat(SlotName(key), "-");
  std::vector<CachedFile> evictable;
  int64_t total = bytes;
  for (CachedFile& file : FilesIn(directory_)) {
    if (file.path == path) continue;  // the new one takes its place
    const bool unfinished = IsUnfinished(file.name);
    if (unfinished ? !IsBeingWritten(file.path)
                   : absl::StartsWith(file.name, slot)) {
      (void)unlink(file.path.c_str());
      continue;
    }
    total += file.bytes;
    if (!unfinished) evictable.push_back(std::move(file));
  }
  for (const CachedFile& file : evictable) {
    if (total <= max_bytes_) return;
    if (unlink(file.path.c_str()) == 0) total -= file.bytes;
  }
}

}  // namespace sluice::generator
