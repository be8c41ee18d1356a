#pragma once

// Whole small files and ids of a model directory.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

// The bytes of a regular file. Errors: as ReadFile of common/base/file.h.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          size_t max_bytes);

// Last part of a path: the file's name in messages.
std::string FileName(const std::string& path);

// Ids that end a sequence: those of config.json and generation_config.json
// together, ascending, each once; for ChatGLM3 also those that open a turn of
// somebody else. Either file may lack them or be missing.
// Errors: INVALID_ARGUMENT for ids that are not whole numbers in [0, 2^24).
absl::StatusOr<std::vector<int32_t>> ReadEosIds(const std::string& directory);

}  // namespace sluice
