#pragma once

// Which backend runs a model.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/runner/native_runner.h"

namespace sluice::generator {

struct BackendOptions {
  // "native", "torch", or "auto": native where it has the architecture and
  // the instruction set, torch otherwise. Builds with tests also have
  // "scripted" (runner/scripted_runner.h).
  std::string backend = "auto";
  NativeRunnerOptions native;
  // Positions that the KV pool holds; 0: as many as native.kv_cache_bytes do.
  int64_t kv_cache_tokens = 0;
};

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::Status CheckOptions(const BackendOptions& options);

// Loads the model of a Hugging Face directory. `observer` hears on this thread
// how far that is (native only) and what is odd but works; its warning may not
// be empty. REQUIRES: CheckOptions is OK.
// Errors: those of CreateNativeRunner and LoadTorchRunner.
absl::StatusOr<std::unique_ptr<ModelRunner>> CreateRunner(
    const std::string& directory, const BackendOptions& options,
    const LoadObserver& observer);

}  // namespace sluice::generator
