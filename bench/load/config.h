#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bench/load/options.h"
#include "bench/load/stub_server.h"

namespace sluice::load {

// The command line of sluice-bench.
struct Config {
  LoadOptions load;
  std::string json_out;  // file for the JSON report; empty: none
  bool progress = true;  // on a terminal
  bool stub = false;     // be the stub server instead
  StubOptions stub_server;
  std::string reference;  // "flags": print the page and exit
};

// Errors: INVALID_ARGUMENT "flag: what, got, limit".
absl::StatusOr<Config> ParseConfig(int argc, char** argv);

}  // namespace sluice::load
