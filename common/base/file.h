#pragma once

// Whole files in and out. Threads: any.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// The bytes of a regular file.
// Limits: `limit_bytes`; a larger file is refused before it is read.
// Errors: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (a directory, or over
// the limit), DATA_LOSS (read error); message "path: what, got, limit".
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t limit_bytes);

// A reader sees the old file or the whole new one, never a part: writes
// `path`.tmp.<pid>, syncs it, renames it.
// Errors: NOT_FOUND (no such folder), PERMISSION_DENIED, RESOURCE_EXHAUSTED
// (disk full), INTERNAL.
absl::Status WriteFileAtomically(const std::string& path,
                                 std::string_view contents);

// The Status for `error_number` (an errno) met while `what` was done to `path`.
absl::Status FileError(const std::string& path, std::string_view what,
                       int error_number);

}  // namespace sluice
