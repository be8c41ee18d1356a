#include "services/gateway/config.h"

#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/telemetry/log.h"
#include "services/gateway/access/tenant_header.h"
#include "services/gateway/api/validator.h"
#include "services/gateway/public_prompt_file.h"

using sluice::HttpServerOptions;
using sluice::ServiceProcessOptions;
using sluice::gateway::Config;
using sluice::gateway::PipelineOptions;

ABSL_FLAG(std::string, grpc_listen, Config().rpc.listen,
          "address of the gRPC face, host:port; port 0: any free one");
ABSL_FLAG(std::string, http_listen, Config().http.listen,
          "address of the HTTP face, host:port; port 0: any free one");
ABSL_FLAG(std::string, ops_listen, Config().ops_listen,
          "address of /metrics, /healthz and /readyz, host:port");
ABSL_FLAG(std::vector<std::string>, tokenizers, Config().backends.tokenizers,
          "addresses of the Tokenizers, host:port, separated by commas");
ABSL_FLAG(std::vector<std::string>, generators, Config().backends.generators,
          "addresses of the Generators, host:port, separated by commas");
ABSL_FLAG(int64_t, max_in_flight, PipelineOptions().max_in_flight,
          "requests at a time, 1 to 100000; more are refused");
ABSL_FLAG(int64_t, request_timeout_ms, PipelineOptions().request_timeout_ms,
          "time for a request whose client names no deadline");
ABSL_FLAG(int64_t, max_request_timeout_ms,
          PipelineOptions().max_request_timeout_ms,
          "time for a request whatever its client says");
ABSL_FLAG(int64_t, max_silence_ms, PipelineOptions().max_silence_ms,
          "give a Generator up that says nothing for so long");
ABSL_FLAG(int64_t, slow_reader_timeout_ms,
          PipelineOptions().slow_reader_timeout_ms,
          "end a stream whose client takes nothing for so long");
ABSL_FLAG(int64_t, stream_buffer_bytes, HttpServerOptions().max_outbound_bytes,
          "bytes held for a slow reader of the HTTP face, 1024 to 16777216; "
          "then the Generator is not read on");
ABSL_FLAG(std::string, tenant_header, Config().tenant_header,
          "header (HTTP) and metadata (gRPC) in which a proxy names the tenant "
          "of a request, for example x-sluice-tenant; empty: all requests are "
          "one tenant's. Tenants share no cached prefix and get equal shares, "
          "so set it only behind a proxy that overwrites the header and is "
          "the only way in");
ABSL_FLAG(std::string, public_system_prompts, "",
          "file of system prompts, one JSON string a line, whose cached prefix "
          "all tenants share and each Generator is sent at its start: anybody "
          "can tell by the time of an answer that they are in use");
ABSL_FLAG(std::string, ports_file, ServiceProcessOptions().ports_file,
          "file that gets the ports as JSON once all are open; empty: none");
ABSL_FLAG(std::string, log_level, ServiceProcessOptions().log_level,
          "debug, info, warning or error");
ABSL_FLAG(bool, reflection, Config().rpc.reflection,
          "let clients list the services and their messages");
ABSL_FLAG(int64_t, drain_delay_ms, ServiceProcessOptions().drain_delay_ms,
          "after SIGTERM: time between NOT_SERVING and refusing calls");
ABSL_FLAG(int64_t, drain_grace_ms, ServiceProcessOptions().drain_grace_ms,
          "after SIGTERM: time for running calls to end");
ABSL_FLAG(int64_t, memory_release_ms, ServiceProcessOptions().memory_release_ms,
          "how often unused memory goes back to the system; 0: never");
ABSL_FLAG(std::string, reference, Config().reference,
          "print the reference page of flags or metrics and exit");

namespace sluice::gateway {
namespace {

constexpr int64_t kMaxMs = 3'600'000;

absl::Status CheckRange(std::string_view flag, int64_t value, int64_t low,
                        int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return FieldError(flag, "out of range", absl::StrCat(value),
                    absl::StrCat(low, " to ", high));
}

absl::Status CheckAddress(std::string_view flag, const std::string& address) {
  const size_t colon = address.rfind(':');
  int32_t port = 0;
  const bool good = colon != std::string::npos && colon > 0 &&
                    absl::SimpleAtoi(address.substr(colon + 1), &port) &&
                    port > 0 && port <= 65535 &&
                    address.find_first_of(" \t/") == std::string::npos;
  if (good) return absl::OkStatus();
  return FieldError(flag, "is no address", api::Quoted(address),
                    "host:port with a port of 1 to 65535");
}

absl::Status CheckAddresses(std::string_view flag,
                            const std::vector<std::string>& addresses) {
  constexpr size_t kMaxAddresses = 256;
  RETURN_IF_ERROR(CheckRange(std::string(flag) + " count",
                             static_cast<int64_t>(addresses.size()), 1,
                             kMaxAddresses));
  for (const std::string& address : addresses) {
    RETURN_IF_ERROR(CheckAddress(flag, address));
  }
  return absl::OkStatus();
}

absl::Status CheckConfig(const Config& config) {
  const PipelineOptions& pipeline = config.pipeline;
  RETURN_IF_ERROR(ParseLogLevel(config.process.log_level).status());
  RETURN_IF_ERROR(CheckAddresses("tokenizers", config.backends.tokenizers));
  RETURN_IF_ERROR(CheckAddresses("generators", config.backends.generators));
  RETURN_IF_ERROR(
      CheckRange("max_in_flight", pipeline.max_in_flight, 1, 100'000));
  RETURN_IF_ERROR(CheckRange("max_request_timeout_ms",
                             pipeline.max_request_timeout_ms, 1, kMaxMs));
  RETURN_IF_ERROR(CheckRange("request_timeout_ms", pipeline.request_timeout_ms,
                             1, pipeline.max_request_timeout_ms));
  RETURN_IF_ERROR(
      CheckRange("max_silence_ms", pipeline.max_silence_ms, 1'000, kMaxMs));
  RETURN_IF_ERROR(CheckTenantHeaderName(config.tenant_header));
  RETURN_IF_ERROR(CheckRange("slow_reader_timeout_ms",
                             pipeline.slow_reader_timeout_ms, 100, kMaxMs));
  RETURN_IF_ERROR(CheckRange("stream_buffer_bytes",
                             config.http.max_outbound_bytes, 1 << 10,
                             16 << 20));
  RETURN_IF_ERROR(
      CheckRange("drain_delay_ms", config.process.drain_delay_ms, 0, kMaxMs));
  RETURN_IF_ERROR(
      CheckRange("drain_grace_ms", config.process.drain_grace_ms, 0, kMaxMs));
  RETURN_IF_ERROR(CheckRange("memory_release_ms",
                             config.process.memory_release_ms, 0, kMaxMs));
  const std::string& page = config.reference;
  if (page.empty() || page == "flags" || page == "metrics") {
    return absl::OkStatus();
  }
  return FieldError("reference", "unknown page", page, "flags or metrics");
}

Config ConfigOfFlags() {
  Config config;
  config.rpc.listen = absl::GetFlag(FLAGS_grpc_listen);
  config.rpc.reflection = absl::GetFlag(FLAGS_reflection);
  config.http.listen = absl::GetFlag(FLAGS_http_listen);
  config.ops_listen = absl::GetFlag(FLAGS_ops_listen);
  config.backends.tokenizers = absl::GetFlag(FLAGS_tokenizers);
  config.backends.generators = absl::GetFlag(FLAGS_generators);
  config.pipeline.max_in_flight = absl::GetFlag(FLAGS_max_in_flight);
  config.pipeline.request_timeout_ms = absl::GetFlag(FLAGS_request_timeout_ms);
  config.pipeline.max_request_timeout_ms =
      absl::GetFlag(FLAGS_max_request_timeout_ms);
  config.pipeline.max_silence_ms = absl::GetFlag(FLAGS_max_silence_ms);
  config.tenant_header = absl::GetFlag(FLAGS_tenant_header);
  config.pipeline.slow_reader_timeout_ms =
      absl::GetFlag(FLAGS_slow_reader_timeout_ms);
  config.http.max_outbound_bytes = absl::GetFlag(FLAGS_stream_buffer_bytes);
  // The connection stands still before the stream's buffer is full, and must
  // last until the stream has been ended.
  config.http.write_timeout_ms +=
      static_cast<int32_t>(config.pipeline.slow_reader_timeout_ms);
  config.process.ports_file = absl::GetFlag(FLAGS_ports_file);
  config.process.log_level = absl::GetFlag(FLAGS_log_level);
  config.process.drain_delay_ms = absl::GetFlag(FLAGS_drain_delay_ms);
  config.process.drain_grace_ms = absl::GetFlag(FLAGS_drain_grace_ms);
  config.process.memory_release_ms = absl::GetFlag(FLAGS_memory_release_ms);
  config.reference = absl::GetFlag(FLAGS_reference);
  return config;
}

}  // namespace

absl::StatusOr<Config> ParseConfig(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "the Gateway of Sluice.\n\n"
      "  sluice-gateway --tokenizers=HOST:PORT --generators=HOST:PORT");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return FieldError("command line", "unknown argument", api::Quoted(rest[1]),
                      "flags only");
  }
  Config config = ConfigOfFlags();
  RETURN_IF_ERROR(CheckConfig(config));
  ASSIGN_OR_RETURN(
      config.public_prompts,
      ReadPublicPrompts(absl::GetFlag(FLAGS_public_system_prompts)));
  return config;
}

}  // namespace sluice::gateway
