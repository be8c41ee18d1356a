#pragma once

// Speed of the native backend by itself, beside what the machine can do.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/generator/runner/native_runner.h"

namespace sluice::bench {

// One thing to measure.
struct EngineCase {
  std::string name;
  int32_t sequences = 1;
  int32_t depth = 0;  // positions in the cache before
  int32_t rows = 0;   // of a prefill; 0: decode
  int32_t steps = 1;  // of a decode
};

struct EngineBenchOptions {
  std::string model;
  generator::NativeRunnerOptions native;
  std::string cases = "pp128,pp512,tg64,tg64@1024,b8@128,b32@128";
  int32_t repeats = 3;
  std::string jsonl;
};

// "pp512", "tg64", "tg64@1024", "b8@128".
// Errors: INVALID_ARGUMENT naming what is not a case.
absl::StatusOr<std::vector<EngineCase>> ParseCases(const std::string& text);

// Prints a line per case: tokens per second (min/median/max), and the median
// as a share of the limit that was measured right before and after: for one
// sequence the bytes of the weights against the read bandwidth, for prefill
// the operations against the peak of 8-bit multiply-adds.
// Errors: those of CreateNativeRunner and ParseCases.
absl::Status RunEngineBench(const EngineBenchOptions& options);

}  // namespace sluice::bench
