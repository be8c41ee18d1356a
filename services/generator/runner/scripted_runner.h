#pragma once

// A model without arithmetic, for test builds only: every step takes the same
// time, so that the engine and the services can be loaded, and their own limits
// seen, whatever the machine computes.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/generator/runner/model_runner.h"

namespace sluice::generator {

struct ScriptedRunnerOptions {
  int32_t step_us = 10'000;                   // time of every step
  int64_t kv_cache_bytes = int64_t{1} << 30;  // as if a position took what the
                                              // model's bf16 cache takes
  int32_t block_count = 0;  // above 0: instead of kv_cache_bytes
  int32_t block_size = 32;
  int32_t max_context = 0;  // above 0: instead of the model's own
};

// Sizes are those of the model directory's config.json; its weights are not
// read. The next token is a function of the last one and its position, with a
// probability of 1 at any temperature up to 100.
// Errors: INVALID_ARGUMENT, and those of ReadModelConfig.
absl::StatusOr<std::unique_ptr<ModelRunner>> MakeScriptedRunner(
    const std::string& directory, const ScriptedRunnerOptions& options);

// "scripted" or "scripted:STEP_US" as --backend says it; false for any other
// backend. Errors: INVALID_ARGUMENT (a step outside 0 to 10 s).
absl::StatusOr<bool> ParseScriptedBackend(const std::string& backend,
                                          ScriptedRunnerOptions& options);

}  // namespace sluice::generator
