#include "services/generator/runner/torch_backend.h"

#include <dlfcn.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;

bool IsFile(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

absl::StatusOr<std::string> FindLibrary(const TorchRunnerOptions& options) {
  std::vector<std::string> paths = {options.library_path};
  if (options.library_path.empty()) paths = TorchBackendPaths();
  for (const std::string& path : paths) {
    if (IsFile(path)) return path;
  }
  return absl::NotFoundError(
      absl::StrCat("backend: torch is not installed, looked for ",
                   absl::StrJoin(paths, " and ")));
}

std::string LastLoaderError() {
  const char* message = dlerror();
  return message == nullptr ? "unknown error" : message;
}

absl::StatusOr<void*> FindSymbol(void* library, const std::string& path,
                                 const char* name) {
  void* symbol = dlsym(library, name);
  if (symbol != nullptr) return symbol;
  return absl::FailedPreconditionError(
      absl::StrCat("backend: ", path, " is no torch backend, it lacks ", name));
}

absl::Status CheckVersion(void* library, const std::string& path) {
  ASSIGN_OR_RETURN(void* symbol,
                   FindSymbol(library, path, kTorchVersionSymbol));
  TorchBackendVersion theirs;
  reinterpret_cast<TorchVersionFunction>(symbol)(&theirs);
  const TorchBackendVersion ours;
  if (theirs == ours) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("backend: ", path, " is of another build, its version is ",
                   theirs.seam, ", ours is ", ours.seam));
}

absl::Status CheckOptions(const TorchRunnerOptions& options) {
  if (options.block_size < 1 || options.block_size > 1024) {
    return absl::InvalidArgumentError(absl::StrCat(
        "block_size: got ", options.block_size, ", must be 1 to 1024"));
  }
  const std::pair<const char*, int64_t> counts[] = {
      {"kv_cache_bytes", options.kv_cache_bytes},
      {"block_count", options.block_count},
      {"threads", options.threads},
      {"max_context", options.max_context}};
  for (const auto& [field, got] : counts) {
    if (got < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": got ", got, ", at least 0"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> TorchBackendPaths() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  const fs::path folder = executable.parent_path();
  return {folder / kTorchBackendFile,
          (folder / "../lib/sluice" / kTorchBackendFile).lexically_normal()};
}

absl::StatusOr<std::unique_ptr<ModelRunner>> LoadTorchRunner(
    const TorchRunnerOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const std::string path, FindLibrary(options));
  // Never closed: the runner's code, libtorch's threads and its static
  // registrations live there.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("backend: torch cannot be loaded, ", LastLoaderError()));
  }
  RETURN_IF_ERROR(CheckVersion(library, path));
  ASSIGN_OR_RETURN(void* symbol, FindSymbol(library, path, kTorchCreateSymbol));
  absl::StatusOr<std::unique_ptr<ModelRunner>> runner =
      absl::InternalError("backend: torch made no runner");
  reinterpret_cast<TorchCreateFunction>(symbol)(&options, &runner);
  return runner;
}

}  // namespace sluice::generator
