#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

// The embedded default model, seen from the running program: an installed tree
// has it at ../share/sluice/models/tiny, a source tree at models/tiny in some
// folder above the program. Threads: any.
// Errors: NOT_FOUND, naming the places looked at.
absl::StatusOr<std::string> DefaultModelDirectory();

// The same for a program in `program_folder`.
absl::StatusOr<std::string> DefaultModelDirectoryFrom(
    const std::string& program_folder);

// The last part of the path: the name under which a model is served when none
// is given. "models/tiny/" -> "tiny".
std::string ModelNameOf(std::string_view model_directory);

}  // namespace sluice
