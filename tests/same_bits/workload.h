#pragma once

// The requests of a comparison: drawn from a seed, the same in every run.

#include <cstdint>
#include <vector>

#include "services/generator/scheduler/request.h"

namespace sluice::generator {

struct WorkloadOptions {
  int32_t requests = 64;
  int32_t vocabulary_size = 0;
  uint64_t seed = 1;
};

struct Workload {
  // Short and long prompts, one or more sequences, greedy and seeded.
  std::vector<RequestFields> requests;  // "r0", "r1", ...
  // Others that begin like some of them and then go another way.
  std::vector<RequestFields> branches;  // "b0", "b2", ...
  // Short prompts with long answers, which outgrow the blocks that they were
  // admitted with.
  std::vector<RequestFields> growers;  // "g0", "g1", ...

  // Positions that the longest of them may come to hold.
  int32_t longest = 0;
  int32_t longest_grower = 0;
  // Positions that all of them together may.
  int64_t positions = 0;
};

Workload DrawWorkload(const WorkloadOptions& options);

// The same under another name: "r3" becomes "r3#2".
std::vector<RequestFields> Again(const std::vector<RequestFields>& requests,
                                 int32_t time);

}  // namespace sluice::generator
