#pragma once

// What tells without reading them that the files of a model are the ones that
// were read before.

#include <string>

#include "absl/status/statusor.h"

namespace sluice::generator {

// One line for each safetensors file and index of a directory: name, size,
// inode, times of the last change of contents and of inode, in nanoseconds. Any
// write, copy or replacement changes it; so does a mere change of owner or
// links.
// Waits at most about 20 ms for a file that has changed just now: a further
// change inside the same tick of the clock of files would not show.
// Errors: NOT_FOUND when the directory cannot be listed.
absl::StatusOr<std::string> SourceIdentity(const std::string& directory);

}  // namespace sluice::generator
