#pragma once

// The torch backend lives in a shared object that is loaded on demand, because
// linking libtorch costs 275 more libraries and half a second of every start.
// This header is the whole agreement between the two sides; it knows no torch.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"

namespace sluice::generator {

struct TorchRunnerOptions {
  std::string model_directory;
  // Budget of the KV pool; memory is taken from the system as blocks are used.
  int64_t kv_cache_bytes = int64_t{1} << 30;
  // Blocks of the KV pool; 0 means as many as kv_cache_bytes hold.
  int32_t block_count = 0;
  int32_t block_size = 32;  // positions a KV block holds, at most 1024
  // Computing threads; 0 means what quota, cpuset and physical cores allow.
  int32_t threads = 0;
  // Positions of a sequence; 0 means what the model was made for. Never more
  // than the KV pool holds.
  int32_t max_context = 0;
  // The shared object; empty looks where TorchBackendPaths says.
  std::string library_path;
};

inline constexpr char kTorchBackendFile[] = "libsluice_torch.so";

// Where the shared object is looked for, in this order: beside the executable,
// then in ../lib/sluice, which serves an installation and a build tree alike.
std::vector<std::string> TorchBackendPaths();

// Loads the shared object and, in it, the model in float32 with float32 keys
// and values. The library stays loaded until the process ends.
// Errors: NOT_FOUND when there is no shared object or no model;
// FAILED_PRECONDITION when the shared object is of another build;
// INVALID_ARGUMENT for bad options or model files; UNIMPLEMENTED for an
// architecture that the backend lacks.
// Threads: any; the runner itself belongs to the engine thread.
absl::StatusOr<std::unique_ptr<ModelRunner>> LoadTorchRunner(
    const TorchRunnerOptions& options);

// What both sides must agree on before they share C++ types.
struct TorchBackendVersion {
  uint32_t seam = 1;  // raise it when a type that crosses changes its meaning
  uint32_t options_bytes = sizeof(TorchRunnerOptions);
  uint32_t info_bytes = sizeof(RunnerInfo);
  uint32_t plan_bytes = sizeof(StepPlan);
  uint32_t rows_bytes = sizeof(SequenceRows);

  bool operator==(const TorchBackendVersion&) const = default;
};

// The two functions that the shared object exports under these names. No
// exception leaves them.
inline constexpr char kTorchVersionSymbol[] = "sluice_torch_version";
inline constexpr char kTorchCreateSymbol[] = "sluice_torch_create";
using TorchVersionFunction = void (*)(TorchBackendVersion* version);
using TorchCreateFunction =
    void (*)(const TorchRunnerOptions* options,
             absl::StatusOr<std::unique_ptr<ModelRunner>>* runner);

}  // namespace sluice::generator
