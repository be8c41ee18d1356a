#pragma once

// When the requests of an open loop are due. Fixed before the run, so that a
// slow server cannot slow the arrivals down and hide its own latency.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/random.h"

namespace sluice::load {

struct Phase {
  double rate = 0;     // requests a second; 0: a pause
  double seconds = 0;  // above 0
};

// "RATE:SECONDS,RATE:SECONDS,...": 1 to 64 phases, at most 10,000,000 requests
// expected in all. Errors: INVALID_ARGUMENT.
absl::StatusOr<std::vector<Phase>> ParsePhases(std::string_view text);

Nanos TotalDuration(const std::vector<Phase>& phases);

// Times since the start, ascending, below TotalDuration: a Poisson process of
// each phase's rate, or evenly spaced.
std::vector<Nanos> DrawArrivals(const std::vector<Phase>& phases, bool poisson,
                                RandomSource& random);

}  // namespace sluice::load
