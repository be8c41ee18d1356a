#pragma once

// What the engine bench measures, by name.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::bench {

// One thing to measure.
struct EngineCase {
  std::string name;
  int32_t sequences = 1;
  int32_t depth = 0;  // positions in the cache before
  int32_t rows = 0;   // of a prefill; 0: decode
  int32_t steps = 1;  // of a decode

  // Positions that each sequence takes.
  int32_t room() const { return depth + (rows > 0 ? rows : steps); }
  int32_t tokens() const { return rows > 0 ? rows : steps * sequences; }
};

// "pp512": prefill of 512; "tg64": 64 tokens one by one; "tg64@1024": the same
// at that depth; "b8@128": 16 steps of 8 sequences at depth 128.
// Errors: INVALID_ARGUMENT naming what is not a case.
absl::StatusOr<EngineCase> ParseCase(const std::string& name);
// Several with commas between them.
absl::StatusOr<std::vector<EngineCase>> ParseCases(const std::string& text);

}  // namespace sluice::bench
