#pragma once

// What load to make. The defaults of the flags are here.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/load/length_distribution.h"
#include "bench/load/schedule.h"

namespace sluice::load {

// Whom to call and how.
struct TargetOptions {
  // "grpc": the Gateway's gRPC face; "http": its POST /chat_stream;
  // "generator": a Generator, with token ids.
  std::string face = "grpc";
  std::string server = "127.0.0.1:50050";  // host:port
  bool chat = true;                        // face "grpc": Chat, else Complete
  int32_t connections = 4;  // gRPC connections that normal calls share
  int32_t timeout_ms = 0;   // deadline of a gRPC call; 0: none
  int32_t slow_bytes_per_second = 1;
  int32_t slow_receive_buffer_bytes = 4096;  // SO_RCVBUF of slow HTTP readers
};

struct Tenant {
  std::string name;
  double weight = 1;  // share of the requests, against the others'
};

// What the requests are.
struct WorkloadOptions {
  uint64_t seed = 1;  // of everything random here
  LengthDistribution prompt_tokens = LengthDistribution(32);
  LengthDistribution output_tokens = LengthDistribution(16);
  int32_t prefix_tokens = 0;        // length of a shared prefix
  int32_t prefixes = 1;             // how many different ones there are
  double prefix_share = 1;          // requests that begin with one
  double cancel_share = 0;          // requests that their client cancels
  int32_t cancel_within_ms = 1000;  // at a random time up to this
  double slow_share = 0;            // requests that are read slowly
  // Above 0: each request asks one of so many questions (prompt, seed and
  // length), and equal questions must get equal answers.
  int32_t questions = 0;
  double temperature = 1;
  bool ignore_eos = true;       // so that answers have the drawn length
  std::vector<Tenant> tenants;  // empty: one without a name
  int32_t vocabulary_size = 0;  // face "generator": ids are below this
};

// When requests are sent.
struct PaceOptions {
  // Open loop when not empty, closed loop otherwise.
  std::vector<Phase> phases;
  bool poisson = true;
  int32_t clients = 4;             // closed loop: requests in flight
  int64_t requests = 100;          // closed loop: in all; 0: until duration_s
  double duration_s = 0;           // closed loop: stop sending then; 0: never
  double warmup_s = 0;             // what is due before counts for nothing
  double drain_s = 60;             // wait so long for the last answers
  int32_t max_in_flight = 10'000;  // open loop: more are not sent, but counted
};

struct LoadOptions {
  TargetOptions target;
  WorkloadOptions workload;
  PaceOptions pace;
  int32_t ttft_bound_ms = 2000;  // finished within it: goodput
};

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::Status CheckOptions(const LoadOptions& options);

// "a=50,b=1": names with weights; the weight of a name alone is 1.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::vector<Tenant>> ParseTenants(std::string_view text);

}  // namespace sluice::load
