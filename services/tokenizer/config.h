#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "services/tokenizer/service/served_model.h"
#include "services/tokenizer/service/tokenizer_service.h"

namespace sluice::tokenizer {

// Behind the flags of sluice-tokenizer.
struct Config {
  std::string model;       // model directory; empty: the embedded default
  std::string model_name;  // empty: the last part of the directory
  std::string ops_listen = "127.0.0.1:9051";
  std::string reference;  // "flags" or "metrics": print the page and exit
  RpcServerOptions rpc = {.listen = "127.0.0.1:50051"};
  TokenizerServiceOptions service;
  ServedModelOptions served;
  ServiceProcessOptions process;
};

struct CommandLine {
  Config config;
  std::vector<std::string> arguments;  // what is not a flag
};

// Reads the flags and fills in the embedded default model.
// Errors: INVALID_ARGUMENT "flag: what, got, limit", NOT_FOUND (no default).
absl::StatusOr<CommandLine> ParseConfig(int argc, char** argv);

}  // namespace sluice::tokenizer
