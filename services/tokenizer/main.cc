// The list of parts of sluice-tokenizer.

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/flag_reference.h"
#include "common/base/status_macros.h"
#include "common/concurrency/stop_signal.h"
#include "common/http/ops_server.h"
#include "common/http/service_process.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/server_metrics.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/telemetry/process_metrics.h"
#include "services/tokenizer/config.h"
#include "services/tokenizer/explain_command.h"
#include "services/tokenizer/service/served_model.h"
#include "services/tokenizer/service/tokenizer_service.h"
#include "services/tokenizer/train_command.h"

namespace sluice::tokenizer {
namespace {

constexpr std::string_view kProgram = "sluice-tokenizer";

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

absl::Status Train(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 2, argv + argc);
  ASSIGN_OR_RETURN(TrainCommandOptions options, ParseTrainCommand(arguments));
  return RunTrainCommand(options);
}

absl::Status PrintReference(const std::string& page) {
  Metrics metrics;
  AddProcessMetrics(metrics, "tokenizer");
  const TokenizerMetrics tokenizer_metrics(metrics);
  const ServerMetrics server_metrics(metrics);
  Print(page == "flags" ? FlagReferenceMarkdown(kProgram)
                        : metrics.ReferenceMarkdown(kProgram));
  return absl::OkStatus();
}

absl::Status RunExplain(const CommandLine& line) {
  std::string text;
  if (line.arguments.size() > 1) {
    text = line.arguments[1];
  } else {
    ASSIGN_OR_RETURN(text, ReadText(STDIN_FILENO, ExplainOptions()));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer,
                   Tokenizer::FromDirectory(line.config.model));
  ASSIGN_OR_RETURN(std::string page,
                   Explain(*tokenizer, text, WantsColour(STDOUT_FILENO)));
  Print(page);
  return absl::OkStatus();
}

absl::Status Serve(const Config& config, StopSignal& stop) {
  ASSIGN_OR_RETURN(LogLevel level, ParseLogLevel(config.process.log_level));
  Logger log("tokenizer", level);
  ASSIGN_OR_RETURN(
      ServedModel model,
      ServedModel::Load(config.model, config.model_name, config.served));
  log.Info("model loaded",
           {{"model", model.name},
            {"kind", std::string(model.tokenizer->kind())},
            {"vocabulary", model.tokenizer->vocabulary().size()},
            {"chat_template", model.chat->has_template()},
            {"answer_format", model.habits.format}});
  Metrics metrics;
  AddProcessMetrics(metrics, "tokenizer");
  TokenizerMetrics tokenizer_metrics(metrics);
  TokenizerService service(model, tokenizer_metrics, config.service);
  std::atomic<bool> draining = false;
  const auto ready = [&draining] {
    if (!draining) return absl::OkStatus();
    return WithReason(absl::UnavailableError("tokenizer: it is draining"),
                      kReasonDraining);
  };
  ASSIGN_OR_RETURN(std::unique_ptr<OpsServer> ops,
                   OpsServer::Start(config.ops_listen, metrics,
                                    {.healthy = [] { return absl::OkStatus(); },
                                     .ready = ready}));
  ASSIGN_OR_RETURN(
      std::unique_ptr<RpcServer> rpc,
      RpcServer::Start(config.rpc, {&service},
                       {v1::TokenizerService::service_full_name(), model.name},
                       &metrics));
  rpc->SetServing(true);
  return RunUntilStopped({.rpc = rpc.get(),
                          .ops = ops.get(),
                          .on_drain = [&draining] { draining = true; }},
                         config.process, stop, log);
}

absl::Status Main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "train") {
    return Train(argc, argv);
  }
  ShareHeaps();
  StopSignal stop;  // before any other thread
  ASSIGN_OR_RETURN(CommandLine line, ParseConfig(argc, argv));
  if (!line.config.reference.empty()) {
    return PrintReference(line.config.reference);
  }
  const std::vector<std::string>& arguments = line.arguments;
  if (!arguments.empty() && arguments[0] == "explain" &&
      arguments.size() <= 2) {
    return RunExplain(line);
  }
  if (!arguments.empty()) {
    return FieldError("command line", "unknown argument", arguments[0],
                      "explain [TEXT], train, or flags only");
  }
  return Serve(line.config, stop);
}

}  // namespace
}  // namespace sluice::tokenizer

int main(int argc, char** argv) {
  return sluice::ExitCode(sluice::tokenizer::Main(argc, argv));
}
