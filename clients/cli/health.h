#pragma once

// `sluice health`: asks each service how it is.

#include <string>

#include "absl/status/status.h"
#include "clients/cli/output.h"

namespace sluice::cli {

struct HealthOptions {
  // host:port; empty: not asked.
  std::string gateway = "127.0.0.1:50050";
  std::string tokenizer = "127.0.0.1:50051";
  std::string generator = "127.0.0.1:50052";
  bool json = false;
  int64_t timeout_ms = 2'000;  // for each
};

// Prints a table, or one JSON object.
// Errors: UNAVAILABLE naming the services that do not serve, INVALID_ARGUMENT
// when none is to be asked.
absl::Status CheckHealth(const HealthOptions& options, Output& output);

}  // namespace sluice::cli
