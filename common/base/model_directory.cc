#include "common/base/model_directory.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

bool IsModel(const fs::path& directory) {
  std::error_code error;
  return fs::is_regular_file(directory / "config.json", error);
}

}  // namespace

absl::StatusOr<std::string> DefaultModelDirectory() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    return absl::NotFoundError(absl::StrCat(
        "model: cannot find this program, got \"", error.message(), "\""));
  }
  return DefaultModelDirectoryFrom(program.parent_path().string());
}

absl::StatusOr<std::string> DefaultModelDirectoryFrom(
    const std::string& program_folder) {
  const fs::path start(program_folder);
  const fs::path installed =
      (start / "../share/sluice/models/tiny").lexically_normal();
  if (IsModel(installed)) return installed.string();
  for (fs::path folder = start;; folder = folder.parent_path()) {
    const fs::path candidate = folder / "models/tiny";
    if (IsModel(candidate)) return candidate.string();
    if (folder == folder.parent_path()) break;
  }
  return absl::NotFoundError(absl::StrCat(
      "model: no default model, got neither ", installed.string(),
      "/config.json nor models/tiny/config.json in ", program_folder,
      " or above it; name a directory with --model"));
}

std::string ModelNameOf(std::string_view model_directory) {
  fs::path path = fs::path(model_directory).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  if (path.filename() != "." && path.filename() != "..") {
    return path.filename().string();
  }
  std::error_code error;
  const fs::path absolute = fs::canonical(path, error);
  return error ? path.string() : absolute.filename().string();
}

}  // namespace sluice
