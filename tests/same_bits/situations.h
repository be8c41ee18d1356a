#pragma once

// The ways to run the same requests that must all give the same bits.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/same_bits/session.h"
#include "tests/same_bits/workload.h"

namespace sluice::generator {

struct SituationOptions {
  // Instruction set and formats; threads and pool are the situations' own.
  NativeRunnerOptions native;
  std::vector<int32_t> threads = {1, 2, 4};
  WorkloadOptions workload;  // vocabulary_size is the model's
  bool spoil = false;        // see RowRecorder; the reference is spared
};

// A session, and what was asked of it.
struct SituationRun {
  std::string situation;  // "reference" is what the others are held against
  int32_t threads = 0;
  int32_t block_size = 0;
  std::vector<Trail> trails;
};

// Runs the reference, each request alone, and then every situation on every
// number of threads. Judges nothing: what happened is in the trails.
// Errors: those of RunSession.
absl::Status RunSituations(
    const SessionModel& model, const SituationOptions& options,
    const std::function<void(const SituationRun&)>& sink);

}  // namespace sluice::generator
