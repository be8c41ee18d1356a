#include "services/generator/backend.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/cpu_budget.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/generator/models/model_config.h"
#include "services/generator/runner/torch_backend.h"
#ifdef SLUICE_SCRIPTED_BACKEND
#include "services/generator/runner/scripted_runner.h"
#endif

namespace sluice::generator {
namespace {

constexpr int64_t kTorchKvBytes = 4;  // its keys and values are float32

int64_t BlocksFor(int64_t tokens, int64_t block_size) {
  return (tokens + block_size - 1) / block_size;
}

absl::StatusOr<std::unique_ptr<ModelRunner>> CreateNative(
    const std::string& directory, const BackendOptions& options,
    const LoadObserver& observer) {
  NativeRunnerOptions native = options.native;
  if (options.kv_cache_tokens > 0) {
    native.block_count = static_cast<int32_t>(
        BlocksFor(options.kv_cache_tokens, native.block_size));
  }
  return CreateNativeRunner(directory, native, observer);
}

absl::StatusOr<std::unique_ptr<ModelRunner>> CreateTorch(
    const std::string& directory, const BackendOptions& options) {
  ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(directory));
  TorchRunnerOptions torch;
  torch.model_directory = directory;
  torch.block_size = options.native.block_size;
  torch.max_context = options.native.max_context;
  const int64_t block_bytes = int64_t{2} * config.layers * config.kv_size() *
                              kTorchKvBytes * torch.block_size;
  const int64_t blocks =
      options.kv_cache_tokens > 0
          ? BlocksFor(options.kv_cache_tokens, torch.block_size)
          : options.native.kv_cache_bytes / block_bytes;
  if (blocks < 1) {
    return FieldError("kv_cache_bytes", "less than one block",
                      absl::StrCat(options.native.kv_cache_bytes),
                      absl::StrCat("at least ", block_bytes));
  }
  torch.block_count = static_cast<int32_t>(
      std::min<int64_t>(blocks, std::numeric_limits<int32_t>::max()));
  torch.threads = options.native.threads > 0 ? options.native.threads
                                             : ReadCpuBudget().usable_threads();
  return LoadTorchRunner(torch);
}

#ifdef SLUICE_SCRIPTED_BACKEND
absl::StatusOr<std::unique_ptr<ModelRunner>> CreateScripted(
    const std::string& directory, const BackendOptions& options,
    ScriptedRunnerOptions scripted) {
  scripted.kv_cache_bytes = options.native.kv_cache_bytes;
  scripted.block_size = options.native.block_size;
  scripted.max_context = options.native.max_context;
  scripted.block_count = static_cast<int32_t>(
      BlocksFor(options.kv_cache_tokens, scripted.block_size));
  return MakeScriptedRunner(directory, scripted);
}
#endif

// Whether the name is one that this build has.
absl::Status CheckBackendName(const std::string& backend) {
#ifdef SLUICE_SCRIPTED_BACKEND
  ScriptedRunnerOptions scripted;
  ASSIGN_OR_RETURN(const bool is_scripted,
                   ParseScriptedBackend(backend, scripted));
  if (is_scripted) return absl::OkStatus();
#endif
  if (backend == "auto" || backend == "native" || backend == "torch") {
    return absl::OkStatus();
  }
  return FieldError("backend", "unknown", backend, "auto, native or torch");
}

// Another backend may have what native lacks; broken files stay broken.
bool OtherBackendMayHelp(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnimplemented ||
         status.code() == absl::StatusCode::kFailedPrecondition;
}

}  // namespace

absl::Status CheckOptions(const BackendOptions& options) {
  RETURN_IF_ERROR(CheckBackendName(options.backend));
  RETURN_IF_ERROR(CheckOptions(options.native.pack_cache));
  if (options.kv_cache_tokens < 0 ||
      options.kv_cache_tokens > std::numeric_limits<int32_t>::max()) {
    return FieldError("kv_cache_tokens", "out of range",
                      absl::StrCat(options.kv_cache_tokens), "0 to 2147483647");
  }
  if (options.native.block_size < 1) {
    return FieldError("block_size", "too small",
                      absl::StrCat(options.native.block_size), "at least 1");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ModelRunner>> CreateRunner(
    const std::string& directory, const BackendOptions& options,
    const LoadObserver& observer) {
#ifdef SLUICE_SCRIPTED_BACKEND
  ScriptedRunnerOptions scripted;
  ASSIGN_OR_RETURN(const bool is_scripted,
                   ParseScriptedBackend(options.backend, scripted));
  if (is_scripted) return CreateScripted(directory, options, scripted);
#endif
  if (options.backend == "torch") return CreateTorch(directory, options);
  absl::StatusOr<std::unique_ptr<ModelRunner>> native =
      CreateNative(directory, options, observer);
  if (native.ok() || options.backend == "native" ||
      !OtherBackendMayHelp(native.status())) {
    return native;
  }
  absl::StatusOr<std::unique_ptr<ModelRunner>> torch =
      CreateTorch(directory, options);
  if (torch.ok()) {
    observer.warning(absl::StrCat("the native backend cannot, torch does: ",
                                  native.status().message()));
    return torch;
  }
  return absl::Status(native.status().code(),
                      absl::StrCat(native.status().message(),
                                   "; torch: ", torch.status().message()));
}

}  // namespace sluice::generator
