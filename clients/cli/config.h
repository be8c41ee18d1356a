#pragma once

// The command line of `sluice`.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/commands.h"
#include "clients/cli/generate.h"
#include "clients/cli/health.h"
#include "clients/cli/tokenize.h"
#include "clients/cli/up.h"

namespace sluice::cli {

// One command with its flags; only the options of that command mean anything.
struct CommandLine {
  const Command* command = nullptr;    // null: only `page` is to be printed
  std::string page;                    // help or a reference page
  std::vector<std::string> arguments;  // what is not a flag
  GenerateOptions generate;
  TokenizeOptions tokenize;
  HealthOptions health;
  UpOptions up;
};

// Reads the flags. A flag value that does not parse ends the process with a
// message, as absl does it.
// Errors: INVALID_ARGUMENT (no such command, a flag of another command, a
// value out of range).
absl::StatusOr<CommandLine> ParseConfig(int argc, char** argv);

}  // namespace sluice::cli
