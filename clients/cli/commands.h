#pragma once

// The commands of `sluice`: what they are called, what they take, and how the
// program explains them.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice::cli {

struct Command {
  std::string_view name;
  std::string_view summary;    // one line in the list of commands
  std::string_view arguments;  // behind the name in the usage line
  std::string_view about;      // paragraphs of its own page
  std::vector<std::string_view> flags;
};

const std::vector<Command>& Commands();
// nullptr when there is none of that name.
const Command* FindCommand(std::string_view name);

// A flag as the program knows it.
struct FlagInfo {
  std::string default_value;  // as it would be typed
  std::string help;
  bool boolean = false;
};
using FlagLookup =
    std::function<std::optional<FlagInfo>(std::string_view name)>;

// `sluice --help`.
std::string OverviewPage();
// `sluice COMMAND --help`. Lines of at most 80 columns.
std::string CommandPage(const Command& command, const FlagLookup& lookup);

// Whether every flag among `arguments` belongs to the command; what stands
// behind "--" is not looked at.
// Errors: INVALID_ARGUMENT naming the flag.
absl::Status CheckFlags(const Command& command,
                        const std::vector<std::string>& arguments,
                        const FlagLookup& lookup);

// Whether --help or -h stands before "--".
bool WantsHelp(const std::vector<std::string>& arguments);

// "a,b\,c,d\n": parts between commas, with \, \\ \n and \t resolved. None for
// the empty text. Errors: INVALID_ARGUMENT (another escape, a cut one).
absl::Status SplitStops(std::string_view text, std::vector<std::string>& out);

}  // namespace sluice::cli
