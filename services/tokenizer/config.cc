#include "services/tokenizer/config.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "common/base/error_info.h"
#include "common/base/listen_address.h"
#include "common/base/model_directory.h"
#include "common/base/status_macros.h"
#include "common/telemetry/log.h"

using sluice::ServiceProcessOptions;
using sluice::tokenizer::Config;

ABSL_FLAG(std::string, model, Config().model,
          "model directory; empty: the model that ships with Sluice");
ABSL_FLAG(std::string, model_name, Config().model_name,
          "name that clients use for the model; empty: the last part of "
          "--model");
ABSL_FLAG(std::string, grpc_listen, Config().rpc.listen,
          "address of the gRPC face, host:port; port 0: any free one");
ABSL_FLAG(std::string, ops_listen, Config().ops_listen,
          "address of /metrics, /healthz and /readyz, host:port");
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

namespace sluice::tokenizer {
namespace {

constexpr int64_t kMaxMs = 600'000;

absl::Status CheckConfig(const Config& config) {
  RETURN_IF_ERROR(ParseLogLevel(config.process.log_level).status());
  RETURN_IF_ERROR(
      ParseListenAddress("grpc_listen", config.rpc.listen).status());
  RETURN_IF_ERROR(ParseListenAddress("ops_listen", config.ops_listen).status());
  const auto check_ms = [](const char* flag, int64_t ms) {
    if (ms >= 0 && ms <= kMaxMs) return absl::OkStatus();
    return FieldError(flag, "out of range", std::to_string(ms), "0 to 600000");
  };
  RETURN_IF_ERROR(check_ms("drain_delay_ms", config.process.drain_delay_ms));
  RETURN_IF_ERROR(check_ms("drain_grace_ms", config.process.drain_grace_ms));
  RETURN_IF_ERROR(
      check_ms("memory_release_ms", config.process.memory_release_ms));
  const std::string& page = config.reference;
  if (!page.empty() && page != "flags" && page != "metrics") {
    return FieldError("reference", "unknown page", page, "flags or metrics");
  }
  return absl::OkStatus();
}

Config ConfigOfFlags() {
  Config config;
  config.model = absl::GetFlag(FLAGS_model);
  config.model_name = absl::GetFlag(FLAGS_model_name);
  config.ops_listen = absl::GetFlag(FLAGS_ops_listen);
  config.reference = absl::GetFlag(FLAGS_reference);
  config.rpc.listen = absl::GetFlag(FLAGS_grpc_listen);
  config.rpc.reflection = absl::GetFlag(FLAGS_reflection);
  config.process.ports_file = absl::GetFlag(FLAGS_ports_file);
  config.process.log_level = absl::GetFlag(FLAGS_log_level);
  config.process.drain_delay_ms = absl::GetFlag(FLAGS_drain_delay_ms);
  config.process.drain_grace_ms = absl::GetFlag(FLAGS_drain_grace_ms);
  config.process.memory_release_ms = absl::GetFlag(FLAGS_memory_release_ms);
  return config;
}

}  // namespace

absl::StatusOr<CommandLine> ParseConfig(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "the Tokenizer service of Sluice.\n\n"
      "  sluice-tokenizer [flags]               serve a model directory\n"
      "  sluice-tokenizer explain TEXT [flags]  show the pieces of a text\n"
      "  sluice-tokenizer train --text=FILE --vocab-size=N --out=DIR\n"
      "                                         learn a tokenizer");
  std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  CommandLine line;
  line.config = ConfigOfFlags();
  line.arguments.assign(rest.begin() + 1, rest.end());
  RETURN_IF_ERROR(CheckConfig(line.config));
  if (!line.config.reference.empty()) return line;
  if (line.config.model.empty()) {
    ASSIGN_OR_RETURN(line.config.model, DefaultModelDirectory());
  }
  if (line.config.model_name.empty()) {
    line.config.model_name = ModelNameOf(line.config.model);
  }
  return line;
}

}  // namespace sluice::tokenizer
