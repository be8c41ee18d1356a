#pragma once

// Flags of sluice-bench-engine.

#include <string>

#include "absl/status/statusor.h"
#include "bench/engine/engine_bench.h"

namespace sluice::bench {

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::StatusOr<EngineBenchOptions> ParseConfig(int argc, char** argv);

}  // namespace sluice::bench
