#include "clients/cli/config.h"

#include <optional>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/flag_reference.h"
#include "common/base/status_macros.h"

using sluice::cli::GenerateOptions;
using sluice::cli::HealthOptions;
using sluice::cli::TokenizeOptions;
using sluice::cli::UpOptions;

ABSL_FLAG(std::string, server, GenerateOptions().server,
          "the Gateway, host:port");
ABSL_FLAG(std::string, tokenizer, TokenizeOptions().tokenizer,
          "the Tokenizer, host:port");
ABSL_FLAG(std::string, generator, HealthOptions().generator,
          "the Generator, host:port");
ABSL_FLAG(bool, chat, GenerateOptions().chat,
          "send the prompt as a user's message");
ABSL_FLAG(bool, complete, !GenerateOptions().chat,
          "continue the prompt as it stands, without a chat template");
ABSL_FLAG(std::string, system, GenerateOptions().system,
          "system message to put before the prompt");
ABSL_FLAG(std::string, preset, GenerateOptions().preset,
          "named parameters: speed, balanced or quality; flags win over it");
ABSL_FLAG(std::optional<float>, temperature, std::nullopt,
          "0 to 100; 0 always takes the likeliest token");
ABSL_FLAG(std::optional<int32_t>, top_k, std::nullopt,
          "choose among the k likeliest tokens; 0: among all");
ABSL_FLAG(std::optional<float>, top_p, std::nullopt,
          "choose among the tokens that make up this share, (0, 1]");
ABSL_FLAG(std::optional<float>, repetition_penalty, std::nullopt,
          "(0, 100]; above 1: repeat less");
ABSL_FLAG(std::optional<uint64_t>, seed, std::nullopt,
          "the same seed gives the same answer");
ABSL_FLAG(std::optional<int32_t>, max_new_tokens, std::nullopt,
          "length of the answer at most");
ABSL_FLAG(std::optional<int32_t>, min_new_tokens, std::nullopt,
          "length of the answer at least");
ABSL_FLAG(std::string, stop, "",
          "texts that end the answer, separated by commas; \\, \\n \\t \\\\ "
          "stand for a comma, line end, tab, backslash");
ABSL_FLAG(std::vector<std::string>, stop_token_ids, {},
          "ids that end the answer, separated by commas");
ABSL_FLAG(bool, ignore_eos, false, "go on past the model's own end");
ABSL_FLAG(std::optional<bool>, do_sample, std::nullopt,
          "true or false; false always takes the likeliest token");
ABSL_FLAG(std::string, request_id, GenerateOptions().request_id,
          "name of the request in logs; empty: one is drawn");
ABSL_FLAG(std::optional<int64_t>, timeout_ms, std::nullopt,
          "time for the whole call; generate: none, tokenize: 10 s, health: "
          "2 s for each service");
ABSL_FLAG(bool, json, false, "machine-readable output, one object a line");
ABSL_FLAG(bool, add_special_tokens, TokenizeOptions().add_special_tokens,
          "add what the model wants at the ends");
ABSL_FLAG(bool, parse_special, TokenizeOptions().parse_special,
          "take special tokens written in the text as such");
ABSL_FLAG(std::string, model, UpOptions().model,
          "generate: name of the model; up: directory of the model. Empty: the "
          "one that is served, the one that ships with Sluice");
ABSL_FLAG(std::string, model_name, UpOptions().model_name,
          "name that clients use; empty: the directory's");
ABSL_FLAG(std::string, http_listen, UpOptions().http_listen,
          "where the Gateway speaks HTTP; a taken port is passed over");
ABSL_FLAG(std::string, grpc_listen, UpOptions().grpc_listen,
          "where the Gateway speaks gRPC; a taken port is passed over");
ABSL_FLAG(std::string, tokenizer_flags, UpOptions().tokenizer_flags,
          "further flags for sluice-tokenizer, separated by spaces");
ABSL_FLAG(std::string, generator_flags, UpOptions().generator_flags,
          "further flags for sluice-generator");
ABSL_FLAG(std::string, gateway_flags, UpOptions().gateway_flags,
          "further flags for sluice-gateway");
ABSL_FLAG(std::string, exec, UpOptions().exec,
          "command for sh to run once all is healthy; its end ends the "
          "services, its status is ours, SLUICE_HTTP and SLUICE_GRPC are in "
          "its environment");
ABSL_FLAG(std::string, log_dir, UpOptions().log_dir,
          "directory for the logs; empty: a new temporary one");
ABSL_FLAG(int64_t, start_timeout_ms, UpOptions().start_timeout_ms,
          "time for everything to become healthy");
ABSL_FLAG(int64_t, stop_grace_ms, UpOptions().stop_grace_ms,
          "time for the services to end before they are killed");
ABSL_FLAG(std::string, reference, "", "print the reference page of flags");

namespace sluice::cli {
namespace {

std::optional<FlagInfo> LookUpFlag(std::string_view name) {
  const absl::CommandLineFlag* flag =
      absl::FindCommandLineFlag(absl::string_view(name.data(), name.size()));
  if (flag == nullptr) return std::nullopt;
  return FlagInfo{flag->DefaultValue(), flag->Help(), flag->IsOfType<bool>()};
}

absl::Status ReadParams(generator::v1::SamplingParams& params) {
  if (auto v = absl::GetFlag(FLAGS_temperature)) params.set_temperature(*v);
  if (auto v = absl::GetFlag(FLAGS_top_k)) params.set_top_k(*v);
  if (auto v = absl::GetFlag(FLAGS_top_p)) params.set_top_p(*v);
  if (auto v = absl::GetFlag(FLAGS_repetition_penalty)) {
    params.set_repetition_penalty(*v);
  }
  if (auto v = absl::GetFlag(FLAGS_seed)) params.set_seed(*v);
  if (auto v = absl::GetFlag(FLAGS_max_new_tokens)) {
    params.set_max_new_tokens(*v);
  }
  if (auto v = absl::GetFlag(FLAGS_min_new_tokens)) {
    params.set_min_new_tokens(*v);
  }
  if (absl::GetFlag(FLAGS_ignore_eos)) params.set_ignore_eos(true);
  if (auto v = absl::GetFlag(FLAGS_do_sample)) params.set_do_sample(*v);
  std::vector<std::string> stops;
  RETURN_IF_ERROR(SplitStops(absl::GetFlag(FLAGS_stop), stops));
  for (std::string& stop : stops) params.add_stop(std::move(stop));
  for (const std::string& text : absl::GetFlag(FLAGS_stop_token_ids)) {
    int32_t id = 0;
    if (!absl::SimpleAtoi(text, &id)) {
      return FieldError("stop_token_ids", "not an id", text, "0 to 2^31-1");
    }
    params.add_stop_token_ids(id);
  }
  return absl::OkStatus();
}

absl::Status ReadGenerate(GenerateOptions& options) {
  options.server = absl::GetFlag(FLAGS_server);
  options.chat = absl::GetFlag(FLAGS_chat) && !absl::GetFlag(FLAGS_complete);
  options.system = absl::GetFlag(FLAGS_system);
  options.model = absl::GetFlag(FLAGS_model);
  options.preset = absl::GetFlag(FLAGS_preset);
  options.request_id = absl::GetFlag(FLAGS_request_id);
  options.json = absl::GetFlag(FLAGS_json);
  return ReadParams(options.params);
}

void ReadTokenize(TokenizeOptions& options) {
  options.tokenizer = absl::GetFlag(FLAGS_tokenizer);
  options.add_special_tokens = absl::GetFlag(FLAGS_add_special_tokens);
  options.parse_special = absl::GetFlag(FLAGS_parse_special);
  options.json = absl::GetFlag(FLAGS_json);
}

void ReadHealth(HealthOptions& options) {
  options.gateway = absl::GetFlag(FLAGS_server);
  options.tokenizer = absl::GetFlag(FLAGS_tokenizer);
  options.generator = absl::GetFlag(FLAGS_generator);
  options.json = absl::GetFlag(FLAGS_json);
}

void ReadUp(UpOptions& options) {
  options.model = absl::GetFlag(FLAGS_model);
  options.model_name = absl::GetFlag(FLAGS_model_name);
  options.http_listen = absl::GetFlag(FLAGS_http_listen);
  options.grpc_listen = absl::GetFlag(FLAGS_grpc_listen);
  options.tokenizer_flags = absl::GetFlag(FLAGS_tokenizer_flags);
  options.generator_flags = absl::GetFlag(FLAGS_generator_flags);
  options.gateway_flags = absl::GetFlag(FLAGS_gateway_flags);
  options.exec = absl::GetFlag(FLAGS_exec);
  options.log_dir = absl::GetFlag(FLAGS_log_dir);
  options.start_timeout_ms = absl::GetFlag(FLAGS_start_timeout_ms);
  options.stop_grace_ms = absl::GetFlag(FLAGS_stop_grace_ms);
}

absl::Status ReadTimeout(CommandLine& line) {
  const std::optional<int64_t> timeout_ms = absl::GetFlag(FLAGS_timeout_ms);
  if (!timeout_ms.has_value()) return absl::OkStatus();
  constexpr int64_t kMaxTimeoutMs = 86'400'000;
  if (*timeout_ms < 1 || *timeout_ms > kMaxTimeoutMs) {
    return FieldError("timeout_ms", "out of range", std::to_string(*timeout_ms),
                      "1 to 86400000");
  }
  line.generate.timeout_ms = *timeout_ms;
  line.tokenize.timeout_ms = *timeout_ms;
  line.health.timeout_ms = *timeout_ms;
  return absl::OkStatus();
}

// Lines that ask for a page instead of a command; false for others.
bool ReadPage(const std::vector<std::string>& words, CommandLine& line) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" ||
      (words.size() == 1 && words[0] == "help")) {
    line.page = OverviewPage();
    return true;
  }
  if (words[0] == "--reference=flags") {
    line.page = FlagReferenceMarkdown("sluice");
    return true;
  }
  const bool asks = words[0] == "help";
  const Command* command = FindCommand(asks ? words[1] : words[0]);
  if (command == nullptr || (!asks && !WantsHelp(words))) return false;
  line.page = CommandPage(*command, LookUpFlag);
  return true;
}

}  // namespace

absl::StatusOr<CommandLine> ParseConfig(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  CommandLine line;
  if (ReadPage(words, line)) return line;
  line.command = FindCommand(words[0]);
  if (line.command == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        words[0], ": no such command; `sluice --help` lists them"));
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  RETURN_IF_ERROR(CheckFlags(*line.command, rest, LookUpFlag));
  // absl takes the first word for the program.
  std::vector<char*> left = absl::ParseCommandLine(argc - 1, argv + 1);
  line.arguments.assign(left.begin() + 1, left.end());
  RETURN_IF_ERROR(ReadGenerate(line.generate));
  ReadTokenize(line.tokenize);
  ReadHealth(line.health);
  ReadUp(line.up);
  RETURN_IF_ERROR(ReadTimeout(line));
  return line;
}

}  // namespace sluice::cli
