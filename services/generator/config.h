#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "services/generator/backend.h"
#include "services/generator/engine/engine.h"

namespace sluice::generator {

// Behind the flags of sluice-generator.
struct Config {
  std::string model;       // model directory; empty: the embedded default
  std::string model_name;  // empty: the last part of the directory
  std::string ops_listen = "127.0.0.1:9052";
  std::string reference;  // "flags" or "metrics": print the page and exit
  // A Gateway has all its streams on one connection: the queue refuses, not
  // HTTP/2.
  RpcServerOptions rpc = {.listen = "127.0.0.1:50052",
                          .max_concurrent_streams = 16'384};
  BackendOptions backend;
  EngineOptions engine;
  std::string engine_trace;  // file; empty: none
  ServiceProcessOptions process;
};

// Reads the flags and fills in the embedded default model.
// Errors: INVALID_ARGUMENT "flag: what, got, limit", NOT_FOUND (no default).
absl::StatusOr<Config> ParseConfig(int argc, char** argv);

}  // namespace sluice::generator
