#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::gateway {

// The system prompts of --public_system_prompts: one JSON string a line, empty
// lines aside. No file when `path` is empty.
// Limits: 64 prompts of 1 to 65,536 bytes, each once; a file of 8 MiB.
// Errors: those of ReadFile, INVALID_ARGUMENT "path:line: what, got, limit".
absl::StatusOr<std::vector<std::string>> ReadPublicPrompts(
    const std::string& path);

}  // namespace sluice::gateway
