// The list of parts of `sluice`.

#include <unistd.h>

#include <iostream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "clients/cli/config.h"
#include "clients/cli/terminal.h"
#include "common/base/clock.h"
#include "common/base/status_table.h"
#include "common/concurrency/stop_signal.h"

namespace sluice::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kInterrupted = 130;  // 128 + SIGINT, as a shell says it

// The words of the command line, else all of standard input without the line
// end that a shell puts there.
std::string TextOf(const CommandLine& line, const Output& output) {
  if (!line.arguments.empty()) return absl::StrJoin(line.arguments, " ");
  if (::isatty(STDIN_FILENO) == 1 && output.terminals.err) {
    output.err << "reading the text from the terminal; end it with Ctrl-D\n";
  }
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int Report(const Command& command, const absl::Status& status) {
  if (status.ok()) return 0;
  if (absl::IsCancelled(status) && status.message() == "interrupted") {
    return kInterrupted;
  }
  std::cerr << "sluice " << command.name << ": " << CodeName(status.code())
            << ": " << SafeForTerminal(std::string(status.message())) << "\n";
  if (absl::IsUnavailable(status) && command.name != "health") {
    std::cerr << "is Sluice running? `sluice up` starts it, `sluice health` "
                 "asks how it is\n";
  }
  return kFailed;
}

absl::Status RunCommand(const CommandLine& line, Output& output) {
  if (line.command->name == "health") return CheckHealth(line.health, output);
  const std::string text = TextOf(line, output);
  StopSignal stop;  // before gRPC starts its threads
  if (line.command->name == "tokenize") {
    return Tokenize(line.tokenize, text, stop, output);
  }
  const MonotonicClock clock;
  return Generate(line.generate, text, stop, clock, output);
}

int Main(int argc, char** argv) {
  const absl::StatusOr<CommandLine> line = ParseConfig(argc, argv);
  if (!line.ok()) {
    std::cerr << "sluice: " << line.status().message() << "\n";
    return kWrongUsage;
  }
  if (line->command == nullptr) {
    std::cout << line->page;
    return 0;
  }
  const bool takes_text =
      line->command->name == "generate" || line->command->name == "tokenize";
  if (!takes_text && !line->arguments.empty()) {
    std::cerr << "sluice " << line->command->name << ": " << line->arguments[0]
              << ": it takes flags only\n";
    return kWrongUsage;
  }
  if (line->command->name == "up") return RunUp(line->up);
  Output output{std::cout, std::cerr, DetectTerminals()};
  return Report(*line->command, RunCommand(*line, output));
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) { return sluice::cli::Main(argc, argv); }
