#pragma once

// A Gateway of known latency, to see what the load generator itself adds.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::load {

struct StubOptions {
  std::string listen = "127.0.0.1:0";  // gRPC, host:port
  int32_t first_token_ms = 10;
  int32_t token_ms = 1;
  int32_t max_in_flight = 1000;  // more are refused, told to retry in 100 ms
};

// Errors: INVALID_ARGUMENT "stub_...: what, got, limit".
absl::Status CheckOptions(const StubOptions& options);

// Serves Chat and Complete: Started at once, then max_new_tokens Deltas of one
// token at their times, then Finished. The text is a function of the prompt
// and the seed. Threads: one owner; the destructor ends what runs.
class StubServer {
 public:
  // Errors: those of RpcServer::Start.
  static absl::StatusOr<std::unique_ptr<StubServer>> Start(
      const StubOptions& options);
  virtual ~StubServer() = default;

  // "127.0.0.1:port".
  virtual std::string target() const = 0;
  // Calls that were answered, or refused, so far.
  virtual int64_t calls() const = 0;
};

}  // namespace sluice::load
