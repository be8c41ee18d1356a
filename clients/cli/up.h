#pragma once

// `sluice up`: starts Tokenizer, Generator and Gateway as three processes on
// this machine, waits until they are healthy, says where they are and keeps
// them together: one that dies ends all.

#include <cstdint>
#include <string>

namespace sluice::cli {

struct UpOptions {
  std::string model;       // model directory; empty: the one that ships
  std::string model_name;  // empty: the directory's name
  // Where clients connect. A taken port is passed over for the next free one.
  std::string http_listen = "127.0.0.1:8080";
  std::string grpc_listen = "127.0.0.1:50050";
  // Further flags for one service, separated by spaces.
  std::string tokenizer_flags;
  std::string generator_flags;
  std::string gateway_flags;
  // Command line for `sh -c`, run once all is healthy; when it ends, so do the
  // services, and its exit status is ours. It finds SLUICE_HTTP (a URL),
  // SLUICE_GRPC (host:port), SLUICE_CLI (this binary), SLUICE_TOKENIZER and
  // SLUICE_GENERATOR (host:port), and SLUICE_*_METRICS (URLs) in its
  // environment.
  std::string exec;
  // Empty: a new directory under the temporary one, gone after a good run.
  std::string log_dir;
  int64_t start_timeout_ms = 600'000;  // until healthy, loading included
  int64_t stop_grace_ms = 15'000;      // from SIGTERM to SIGKILL
};

// Runs until Ctrl-C, SIGTERM, the death of a service or the end of `exec`.
// Returns the exit status: 0 after a requested stop.
// Threads: REQUIRES that no other thread runs yet.
int RunUp(const UpOptions& options);

}  // namespace sluice::cli
