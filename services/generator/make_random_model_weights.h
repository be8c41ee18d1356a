#pragma once

// The random weights themselves: a pure function of (seed, tensor name, index),
// made of integer arithmetic only, so that every machine writes equal bits.

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/modelfiles/safetensors.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {

// Values are mean + deviation * noise, noise of zero mean and unit deviation.
struct WeightDistribution {
  float mean = 0.0f;
  float deviation = 1.0f;
};

// Chosen so that a forward pass behaves like that of a trained model:
// activations stay near one, what the layers add outweighs the embedding (a
// tied head would otherwise repeat its input), and logits have about the
// standard deviation `logit_spread`.
WeightDistribution DistributionOf(std::string_view tensor,
                                  const ModelConfig& config,
                                  double logit_spread);

// Elements [first, first + count) of a tensor, appended to `out` in the
// storage type (kF32 or kBF16, rounded to nearest even).
struct WeightRange {
  int64_t first = 0;
  int64_t count = 0;
};
void AppendRandomWeights(uint64_t seed, const TensorSpec& tensor,
                         const WeightDistribution& distribution,
                         const WeightRange& range, std::vector<uint8_t>& out);

}  // namespace sluice::generator
