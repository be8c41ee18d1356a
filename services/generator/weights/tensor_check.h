#pragma once

// Does a file hold what a model needs? Asked before memory is allocated.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/modelfiles/safetensors.h"

namespace sluice::generator {

struct TensorRequest {
  std::string name;
  std::vector<int64_t> shape;
};

// Errors: INVALID_ARGUMENT naming what is missing, of another shape, of a type
// that weights cannot have, or there without being asked for (buffers that old
// files carry, like rotary_emb.inv_freq, and the names in `ignored` aside).
absl::Status CheckTensors(const SafetensorsReader& reader,
                          absl::Span<const TensorRequest> requests,
                          absl::Span<const std::string> ignored);

}  // namespace sluice::generator
