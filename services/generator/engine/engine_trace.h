#pragma once

// What the engine did when: a JSON line for each step and each request that
// ended. For proofs and for the search for slow steps; off unless asked for.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace sluice::generator {

// Times are those of the engine's clock, in nanoseconds; CLOCK_MONOTONIC is the
// same for every process of a machine. Never a prompt or an output.
// Threads: engine thread only.
class EngineTrace {
 public:
  // Truncates the file.
  // Errors: INVALID_ARGUMENT "engine_trace: what, got, limit".
  static absl::StatusOr<std::unique_ptr<EngineTrace>> Open(
      const std::string& path);
  ~EngineTrace();
  EngineTrace(const EngineTrace&) = delete;
  EngineTrace& operator=(const EngineTrace&) = delete;

  struct Step {
    Nanos began = 0;
    Nanos ended = 0;
    int32_t decode_rows = 0;
    int32_t prefill_rows = 0;
  };
  void AddStep(const Step& step);
  // A request that holds no block any more.
  struct End {
    const std::string& request_id;
    absl::StatusCode code = absl::StatusCode::kOk;
    // How far it had come.
    bool started = false;   // it had blocks
    bool decoding = false;  // and tokens of its own
    Nanos at = 0;
    int32_t active_blocks = 0;  // of the others
  };
  void AddEnd(const End& end);

 private:
  explicit EngineTrace(std::FILE* file) : file_(file) {}

  std::FILE* file_;
};

}  // namespace sluice::generator
