#include "services/tokenizer/config.h"

#include <string_view>
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
ABSL_FLAG(int32_t, max_batch_requests, Config().service.max_batch_requests,
          "requests that a batch call may carry");
ABSL_FLAG(int64_t, max_response_bytes, Config().service.max_response_bytes,
          "length of an answer, of a batch all together");
ABSL_FLAG(std::string, answer_format, Config().served.answer_format,
          "how the model writes reasoning and tool calls: plain, hermes, "
          "qwen3, youtu, llama3 or deepseek-r1; empty: as its template shows");
ABSL_FLAG(std::vector<std::string>, template_kwargs,
          Config().served.chat.allowed_kwargs,
          "names that the template_kwargs of a request may set, by commas");
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
constexpr int32_t kMaxBatch = 65'536;

absl::Status CheckAnswerFormat(const std::string& name) {
  std::string known;
  for (const std::string_view format : kAnswerFormats) {
    if (name.empty() || format == name) return absl::OkStatus();
    known.append(known.empty() ? "" : ", ").append(format);
  }
  return FieldError("answer_format", "unknown", name, known);
}

// What a template always gets from us.
absl::Status CheckTemplateKwargs(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name != "messages" && name != "tools" && !name.empty() &&
        name != "add_generation_prompt") {
      continue;
    }
    return FieldError("template_kwargs", "not for a request to set",
                      "\"" + name + "\"");
  }
  return absl::OkStatus();
}

absl::Status CheckService(const Config& config) {
  const int32_t batch = config.service.max_batch_requests;
  if (batch < 1 || batch > kMaxBatch) {
    return FieldError("max_batch_requests", "out of range",
                      std::to_string(batch), "1 to 65536");
  }
  const int64_t bytes = config.service.max_response_bytes;
  const int64_t most = config.rpc.max_message_bytes;
  if (bytes < 1 || bytes > most) {
    return FieldError("max_response_bytes", "out of range",
                      std::to_string(bytes), "1 to " + std::to_string(most));
  }
  RETURN_IF_ERROR(CheckTemplateKwargs(config.served.chat.allowed_kwargs));
  return CheckAnswerFormat(config.served.answer_format);
}

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
  RETURN_IF_ERROR(CheckService(config));
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
  config.service.max_batch_requests = absl::GetFlag(FLAGS_max_batch_requests);
  config.service.max_response_bytes = absl::GetFlag(FLAGS_max_response_bytes);
  config.served.answer_format = absl::GetFlag(FLAGS_answer_format);
  config.served.chat.allowed_kwargs = absl::GetFlag(FLAGS_template_kwargs);
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
      "  sluice-tokenizer explain [flags]       the same of standard input\n"
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
