#pragma once

// Flags of sluice-bench-gguf.

#include "absl/status/statusor.h"
#include "bench/peers/gguf/gguf_export.h"

namespace sluice::bench {

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::StatusOr<GgufExportOptions> ParseConfig(int argc, char** argv);

}  // namespace sluice::bench
