#pragma once

// `sluice generate`: one prompt in, the answer out as it comes.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "clients/cli/output.h"
#include "common/base/clock.h"
#include "common/concurrency/stop_signal.h"
#include "sluice/generator/v1/sampling.pb.h"

namespace sluice::cli {

struct GenerateOptions {
  std::string server = "127.0.0.1:50050";  // the Gateway
  bool chat = true;                        // else the prompt is continued
  std::string system;                      // a system message before the prompt
  std::string model;                       // empty: the one that is served
  std::string preset;                      // empty: none
  std::string request_id;                  // empty: the Gateway draws one
  bool json = false;                       // events instead of text
  int64_t timeout_ms = 0;                  // of the whole call; 0: none
  generator::v1::SamplingParams params;
};

// Streams until the answer ends. A requested `stop` cancels the call.
// Errors: CANCELLED after a stop; INVALID_ARGUMENT (prompt) of our own; those
// of the Gateway.
// Threads: REQUIRES that nobody else waits for `stop`.
absl::Status Generate(const GenerateOptions& options, const std::string& prompt,
                      StopSignal& stop, const Clock& clock, Output& output);

}  // namespace sluice::cli
