#pragma once

// Speed of the native backend by itself, beside what the machine can do.

#include <cstdint>
#include <iosfwd>
#include <string>

#include "absl/status/status.h"
#include "services/generator/runner/native_runner.h"

namespace sluice::bench {

struct EngineBenchOptions {
  std::string model;
  generator::NativeRunnerOptions native;
  std::string cases = "pp128,pp512,tg64,tg64@1024,b8@128,b32@128";
  int32_t repeats = 3;
  bool sample = true;  // choose a token from each row of logits
  bool probe = true;   // measure the machine's limits around each case
  std::string jsonl;
  // Cases come by a line each from the standard input, answers go by a line of
  // JSON each to the standard output; `cases` names those that may come.
  bool serve = false;
};

// Prints a line per case: tokens per second (min/median/max), and the median
// as a share of the limit that was measured right before and after: for one
// sequence the bytes of the weights against the read bandwidth, for prefill
// the operations against the peak of 8-bit multiply-adds.
// Errors: those of CreateNativeRunner and ParseCases.
absl::Status RunEngineBench(const EngineBenchOptions& options);

// The other way: says what it is in a first line, then one measurement per line
// of `requests`, until they end.
absl::Status ServeEngineBench(const EngineBenchOptions& options,
                              std::istream& requests, std::ostream& answers);

}  // namespace sluice::bench
