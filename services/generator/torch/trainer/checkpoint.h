#pragma once

// State of a run on disk, so that it survives being stopped.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::generator {

struct Progressed {
  int64_t step = 0;
  double minutes = 0;
};

// Replaces `path` at once. Errors: INTERNAL when it cannot be written.
absl::Status SaveCheckpoint(const std::string& path, Progressed progressed,
                            const std::vector<torch::Tensor>& tensors);

// Copies into `tensors`. Errors: NOT_FOUND; INVALID_ARGUMENT when number or
// shapes of tensors differ.
absl::StatusOr<Progressed> LoadCheckpoint(
    const std::string& path, const std::vector<torch::Tensor>& tensors);

}  // namespace sluice::generator
