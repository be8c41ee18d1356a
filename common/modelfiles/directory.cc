#include "common/modelfiles/directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"

namespace sluice {
namespace {

constexpr int64_t kMaxTokenId = (int64_t{1} << 24) - 1;

std::string ErrnoText(int error) {
  return std::generic_category().message(error);
}

absl::Status AddEosIds(const std::string& path, std::vector<int32_t>& ids) {
  absl::StatusOr<JsonDocument> document =
      JsonDocument::ReadFile(path, JsonLimits{.max_bytes = 16 << 20});
  if (absl::IsNotFound(document.status())) return absl::OkStatus();
  RETURN_IF_ERROR(document.status());
  std::optional<JsonValue> eos = document->root().Find("eos_token_id");
  if (!eos.has_value()) return absl::OkStatus();
  if (!eos->IsArray()) {
    ASSIGN_OR_RETURN(int64_t id, eos->AsInt(0, kMaxTokenId));
    ids.push_back(static_cast<int32_t>(id));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::vector<int64_t> several, eos->AsInts(0, kMaxTokenId));
  ids.insert(ids.end(), several.begin(), several.end());
  return absl::OkStatus();
}

absl::Status ReadAll(int fd, const std::string& name, std::string& out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::read(fd, out.data() + done, out.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": cannot read it, ", ErrnoText(errno)));
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  out.resize(done);
  return absl::OkStatus();
}

}  // namespace

std::string FileName(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          size_t max_bytes) {
  const std::string name = FileName(path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const std::string message =
        absl::StrCat(name, ": cannot open ", path, ", ", ErrnoText(errno));
    return errno == ENOENT || errno == ENOTDIR
               ? absl::NotFoundError(message)
               : absl::InvalidArgumentError(message);
  }
  absl::Cleanup close = [fd] { ::close(fd); };
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": not a regular file, got ", path));
  }
  if (static_cast<uint64_t>(info.st_size) > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": too long, got ", info.st_size, " bytes, limit ", max_bytes));
  }
  std::string out(static_cast<size_t>(info.st_size), '\0');
  RETURN_IF_ERROR(ReadAll(fd, name, out));
  return out;
}

absl::StatusOr<std::vector<int32_t>> ReadEosIds(const std::string& directory) {
  std::vector<int32_t> ids;
  RETURN_IF_ERROR(AddEosIds(directory + "/config.json", ids));
  RETURN_IF_ERROR(AddEosIds(directory + "/generation_config.json", ids));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace sluice
