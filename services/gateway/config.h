#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/http_server.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "services/gateway/clients/backend_set.h"
#include "services/gateway/pipeline/pipeline.h"

namespace sluice::gateway {

// Everything that the flags of sluice-gateway say.
struct Config {
  Config() {
    rpc.listen = "127.0.0.1:50050";
    http.listen = "127.0.0.1:8080";
  }

  RpcServerOptions rpc;
  HttpServerOptions http;
  std::string ops_listen = "127.0.0.1:9050";
  BackendAddresses backends;
  PipelineOptions pipeline;
  std::string tenant_header;
  std::vector<std::string> public_prompts;
  ServiceProcessOptions process;
  std::string reference;  // page to print instead of serving; empty: none
};

// Errors: INVALID_ARGUMENT "flag: what, got, limit". An unknown flag ends the
// process with a sentence.
absl::StatusOr<Config> ParseConfig(int argc, char** argv);

}  // namespace sluice::gateway
