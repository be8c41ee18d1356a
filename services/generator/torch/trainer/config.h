#pragma once

#include "absl/status/statusor.h"
#include "services/generator/torch/trainer/trainer.h"

namespace sluice::generator {

// Reads the command line. Errors: INVALID_ARGUMENT "--flag: what, got, limit".
absl::StatusOr<TrainerOptions> ReadTrainerFlags(int argc, char** argv);

}  // namespace sluice::generator
