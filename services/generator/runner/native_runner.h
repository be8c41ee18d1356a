#pragma once

// The native backend: our own kernels behind the ModelRunner seam.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/runner/weight_formats.h"
#include "services/generator/weights/pack_cache.h"

namespace sluice::generator {

struct NativeRunnerOptions {
  QuantizeOptions quantize = {};
  // Stored format of keys and values: "f32", "bf16" or "int8".
  std::string kv_format = "bf16";
  // Budget of the KV pool; memory is taken from the system as blocks are used.
  int64_t kv_cache_bytes = int64_t{1} << 30;
  // Blocks of the KV pool; 0 means as many as kv_cache_bytes hold.
  int32_t block_count = 0;
  // Positions per block: a multiple of 16, at most 1024.
  int32_t block_size = 32;
  // Computing threads; 0 means what quota, cpuset and physical cores allow.
  int32_t threads = 0;
  // "auto", "scalar", "avx2" or "avx512".
  std::string cpu_isa = "auto";
  // Positions of a sequence; 0 means what the model was made for. Never more
  // than the KV pool holds.
  int32_t max_context = 0;
  // Rows computed at once; a longer plan runs in several passes.
  int32_t max_pass_rows = 512;
  PackCacheOptions pack_cache = {};
};

// Told while a model loads, on the loading thread. Each may be empty.
struct LoadObserver {
  std::function<void(int64_t done_bytes, int64_t total_bytes)> progress;
  std::function<void(std::string_view message)> warning;
  // How long a part of the work took: "open", those of WeightObserver, "build".
  std::function<void(std::string_view phase, double seconds)> phase;
};

// Loads the model of a Hugging Face directory (config.json, safetensors).
// Errors: NOT_FOUND for missing files; INVALID_ARGUMENT "field: what, got,
// limit" for a broken file or option; UNIMPLEMENTED for an architecture or
// switch we do not have; FAILED_PRECONDITION for an instruction set this
// processor lacks; RESOURCE_EXHAUSTED when weights and KV cache are more than
// the memory there is, before any of it is taken.
absl::StatusOr<std::unique_ptr<ModelRunner>> CreateNativeRunner(
    const std::string& directory, const NativeRunnerOptions& options,
    const LoadObserver& observer = {});

}  // namespace sluice::generator
