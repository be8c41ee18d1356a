#include "common/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice {
namespace {

// Closes a descriptor on every way out.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }
  int Close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

absl::StatusOr<int64_t> RegularFileSize(int fd, const std::string& path,
                                        int64_t limit_bytes) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return FileError(path, "cannot stat", errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a file, got ",
                     S_ISDIR(info.st_mode) ? "a directory" : "a special file"));
  }
  if (info.st_size > limit_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": too large, got ", info.st_size, " bytes, limit ",
                     limit_bytes));
  }
  return info.st_size;
}

absl::Status WriteAll(int fd, const std::string& path,
                      std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError(path, "cannot write", errno);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteAndSync(const std::string& path, std::string_view contents) {
  OwnedFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (fd.get() < 0) return FileError(path, "cannot create", errno);
  RETURN_IF_ERROR(WriteAll(fd.get(), path, contents));
  if (::fsync(fd.get()) != 0) return FileError(path, "cannot sync", errno);
  if (fd.Close() != 0) return FileError(path, "cannot close", errno);
  return absl::OkStatus();
}

}  // namespace

absl::Status FileError(const std::string& path, std::string_view what,
                       int error_number) {
  const std::string message =
      absl::StrCat(path, ": ", std::string(what), ", got \"",
                   std::strerror(error_number), "\"");
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::InvalidArgumentError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t limit_bytes) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return FileError(path, "cannot open", errno);
  ASSIGN_OR_RETURN(const int64_t size,
                   RegularFileSize(fd.get(), path, limit_bytes));
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return absl::DataLossError(absl::StrCat(path, ": read ended early, got ",
                                              filled, " bytes, limit ", size));
    }
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

absl::Status WriteFileAtomically(const std::string& path,
                                 std::string_view contents) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  absl::Status status = WriteAndSync(temporary, contents);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = FileError(path, "cannot replace", errno);
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace sluice
