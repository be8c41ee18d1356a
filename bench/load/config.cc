#include "bench/load/config.h"

#include <cstdint>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

using sluice::load::Config;
using sluice::load::LoadOptions;
using sluice::load::PaceOptions;
using sluice::load::StubOptions;
using sluice::load::TargetOptions;
using sluice::load::WorkloadOptions;

ABSL_FLAG(std::string, face, TargetOptions().face,
          "what to call: grpc (the Gateway), http (its /chat_stream) or "
          "generator (a Generator, with token ids)");
ABSL_FLAG(std::string, server, TargetOptions().server, "whom, host:port");
ABSL_FLAG(bool, chat, TargetOptions().chat,
          "with --face=grpc: Chat; --nochat: Complete");
ABSL_FLAG(int32_t, connections, TargetOptions().connections,
          "gRPC connections that the calls share");
ABSL_FLAG(int32_t, timeout_ms, TargetOptions().timeout_ms,
          "deadline of each gRPC call; 0: none");

ABSL_FLAG(uint64_t, seed, WorkloadOptions().seed,
          "of arrivals, lengths, contents and cancels");
ABSL_FLAG(std::string, prompt_tokens, "32",
          "length of prompts: N, uniform:LOW:HIGH, exponential:MEAN:MAX or "
          "lognormal:MEDIAN:SIGMA:MAX; words where the face takes text");
ABSL_FLAG(std::string, output_tokens, "16",
          "length of answers, as --prompt_tokens");
ABSL_FLAG(int32_t, prefix_tokens, WorkloadOptions().prefix_tokens,
          "length of prefixes that requests share, before --prompt_tokens");
ABSL_FLAG(int32_t, prefixes, WorkloadOptions().prefixes, "different prefixes");
ABSL_FLAG(double, prefix_share, WorkloadOptions().prefix_share,
          "share of the requests that begin with one, 0 to 1");
ABSL_FLAG(double, cancel_share, WorkloadOptions().cancel_share,
          "share of the requests that are cancelled, 0 to 1");
ABSL_FLAG(int32_t, cancel_within_ms, WorkloadOptions().cancel_within_ms,
          "at a random time up to this");
ABSL_FLAG(double, slow_share, WorkloadOptions().slow_share,
          "share of the requests that are read slowly, 0 to 1");
ABSL_FLAG(int32_t, slow_bytes_per_second, TargetOptions().slow_bytes_per_second,
          "how slowly");
ABSL_FLAG(int32_t, slow_receive_buffer_bytes,
          TargetOptions().slow_receive_buffer_bytes,
          "SO_RCVBUF of slow readers with --face=http");
ABSL_FLAG(int32_t, questions, WorkloadOptions().questions,
          "above 0: requests repeat so many, and equal questions must get "
          "equal answers");
ABSL_FLAG(double, temperature, WorkloadOptions().temperature,
          "0 to 100; 0 is greedy");
ABSL_FLAG(bool, ignore_eos, WorkloadOptions().ignore_eos,
          "answers get the length that was drawn");
ABSL_FLAG(std::string, tenants, "",
          "with --face=generator: NAME=WEIGHT,..., each request is one's");

ABSL_FLAG(double, rate, 0,
          "open loop: requests a second for --duration_s; 0: closed loop");
ABSL_FLAG(std::string, phases, "",
          "open loop: RATE:SECONDS,RATE:SECONDS,... one after the other");
ABSL_FLAG(bool, poisson, PaceOptions().poisson,
          "open loop: random arrivals; --nopoisson: evenly spaced");
ABSL_FLAG(int32_t, clients, PaceOptions().clients,
          "closed loop: clients, each with one request at a time");
ABSL_FLAG(int64_t, requests, PaceOptions().requests,
          "closed loop: requests in all; 0: until --duration_s");
ABSL_FLAG(double, duration_s, PaceOptions().duration_s,
          "time to send for; 0 with a closed loop: until --requests");
ABSL_FLAG(double, warmup_s, PaceOptions().warmup_s,
          "what is due earlier is checked, but not counted");
ABSL_FLAG(double, drain_s, PaceOptions().drain_s,
          "time to wait for the last answers");
ABSL_FLAG(int32_t, max_in_flight, PaceOptions().max_in_flight,
          "open loop: what comes on top is not sent, but counted");
ABSL_FLAG(int32_t, ttft_bound_ms, LoadOptions().ttft_bound_ms,
          "goodput counts what finished with its first token this soon");

ABSL_FLAG(std::string, json_out, Config().json_out,
          "file for the report as JSON; empty: none");
ABSL_FLAG(bool, progress, Config().progress,
          "show how far it is, on a terminal");
ABSL_FLAG(bool, stub, Config().stub,
          "serve instead: a Gateway of known latency to measure against");
ABSL_FLAG(std::string, stub_listen, StubOptions().listen,
          "address of the stub's gRPC face, host:port");
ABSL_FLAG(int32_t, stub_first_token_ms, StubOptions().first_token_ms,
          "time that the stub takes to the first token");
ABSL_FLAG(int32_t, stub_token_ms, StubOptions().token_ms,
          "time that the stub takes from one token to the next");
ABSL_FLAG(int32_t, stub_max_in_flight, StubOptions().max_in_flight,
          "requests that the stub serves at a time; more are refused");
ABSL_FLAG(std::string, reference, Config().reference,
          "print the reference page of flags and exit");

namespace sluice::load {
namespace {

TargetOptions TargetOfFlags() {
  TargetOptions target;
  target.face = absl::GetFlag(FLAGS_face);
  target.server = absl::GetFlag(FLAGS_server);
  target.chat = absl::GetFlag(FLAGS_chat);
  target.connections = absl::GetFlag(FLAGS_connections);
  target.timeout_ms = absl::GetFlag(FLAGS_timeout_ms);
  target.slow_bytes_per_second = absl::GetFlag(FLAGS_slow_bytes_per_second);
  target.slow_receive_buffer_bytes =
      absl::GetFlag(FLAGS_slow_receive_buffer_bytes);
  return target;
}

absl::StatusOr<WorkloadOptions> WorkloadOfFlags() {
  WorkloadOptions workload;
  workload.seed = absl::GetFlag(FLAGS_seed);
  ASSIGN_OR_RETURN(workload.prompt_tokens,
                   LengthDistribution::Parse(
                       "prompt_tokens", absl::GetFlag(FLAGS_prompt_tokens)));
  ASSIGN_OR_RETURN(workload.output_tokens,
                   LengthDistribution::Parse(
                       "output_tokens", absl::GetFlag(FLAGS_output_tokens)));
  workload.prefix_tokens = absl::GetFlag(FLAGS_prefix_tokens);
  workload.prefixes = absl::GetFlag(FLAGS_prefixes);
  workload.prefix_share = absl::GetFlag(FLAGS_prefix_share);
  workload.cancel_share = absl::GetFlag(FLAGS_cancel_share);
  workload.cancel_within_ms = absl::GetFlag(FLAGS_cancel_within_ms);
  workload.slow_share = absl::GetFlag(FLAGS_slow_share);
  workload.questions = absl::GetFlag(FLAGS_questions);
  workload.temperature = absl::GetFlag(FLAGS_temperature);
  workload.ignore_eos = absl::GetFlag(FLAGS_ignore_eos);
  ASSIGN_OR_RETURN(workload.tenants,
                   ParseTenants(absl::GetFlag(FLAGS_tenants)));
  return workload;
}

absl::StatusOr<PaceOptions> PaceOfFlags() {
  PaceOptions pace;
  pace.poisson = absl::GetFlag(FLAGS_poisson);
  pace.clients = absl::GetFlag(FLAGS_clients);
  pace.requests = absl::GetFlag(FLAGS_requests);
  pace.duration_s = absl::GetFlag(FLAGS_duration_s);
  pace.warmup_s = absl::GetFlag(FLAGS_warmup_s);
  pace.drain_s = absl::GetFlag(FLAGS_drain_s);
  pace.max_in_flight = absl::GetFlag(FLAGS_max_in_flight);
  const double rate = absl::GetFlag(FLAGS_rate);
  std::string phases = absl::GetFlag(FLAGS_phases);
  if (rate != 0) {
    if (!phases.empty()) {
      return FieldError("rate", "phases have rates of their own",
                        std::to_string(rate), "--rate or --phases");
    }
    phases = std::to_string(rate) + ":" + std::to_string(pace.duration_s);
  }
  if (!phases.empty()) {
    ASSIGN_OR_RETURN(pace.phases, ParsePhases(phases));
  }
  return pace;
}

StubOptions StubOfFlags() {
  StubOptions stub;
  stub.listen = absl::GetFlag(FLAGS_stub_listen);
  stub.first_token_ms = absl::GetFlag(FLAGS_stub_first_token_ms);
  stub.token_ms = absl::GetFlag(FLAGS_stub_token_ms);
  stub.max_in_flight = absl::GetFlag(FLAGS_stub_max_in_flight);
  return stub;
}

}  // namespace

absl::StatusOr<Config> ParseConfig(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "the load generator of Sluice.\n\n"
      "  sluice-bench --server=HOST:PORT                   4 clients, 100 "
      "requests\n"
      "  sluice-bench --server=... --rate=50 --duration_s=60     open loop\n"
      "  sluice-bench --stub --stub_listen=127.0.0.1:50060       be a server");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return FieldError("command line", "unknown argument", rest[1],
                      "flags only");
  }
  Config config;
  config.json_out = absl::GetFlag(FLAGS_json_out);
  config.progress = absl::GetFlag(FLAGS_progress);
  config.stub = absl::GetFlag(FLAGS_stub);
  config.stub_server = StubOfFlags();
  config.reference = absl::GetFlag(FLAGS_reference);
  if (!config.reference.empty() && config.reference != "flags") {
    return FieldError("reference", "unknown page", config.reference, "flags");
  }
  config.load.target = TargetOfFlags();
  ASSIGN_OR_RETURN(config.load.workload, WorkloadOfFlags());
  ASSIGN_OR_RETURN(config.load.pace, PaceOfFlags());
  config.load.ttft_bound_ms = absl::GetFlag(FLAGS_ttft_bound_ms);
  RETURN_IF_ERROR(CheckOptions(config.load));
  RETURN_IF_ERROR(CheckOptions(config.stub_server));
  return config;
}

}  // namespace sluice::load
