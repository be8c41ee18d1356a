#pragma once

// Episodes one after the other, each from a seed of its own that follows from
// the one given.

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "tests/simulation/episode.h"
#include "tests/simulation/situations.h"

namespace sluice::generator {

struct SimulationOptions {
  uint64_t seed = 1;
  int64_t requests = 3000;
  int32_t requests_per_episode = 500;
  // Skips those before it: to come back to a failure at once.
  int64_t first_episode = 0;
};

// Called after each episode, with what was met in it.
using EpisodeDone = std::function<void(
    int64_t episode, const EpisodeTally& tally, const Situations& situations)>;

// Errors: INTERNAL "episode N: what", at the first broken promise.
absl::Status Simulate(const SimulationOptions& options,
                      const EpisodeDone& done);

}  // namespace sluice::generator
