#pragma once

// What may be written to a terminal, and how it is coloured.

#include <string>
#include <string_view>

namespace sluice::cli {

// Whether standard output or standard error is a terminal that shows colours.
struct Terminals {
  bool out = false;
  bool err = false;
};
// Asks the system; NO_COLOR and TERM=dumb do not change it.
Terminals DetectTerminals();

// Text of a model or a server with control characters made visible, so that it
// cannot move the cursor or change the terminal: each but \n and \t becomes
// U+FFFD, C1 controls too. REQUIRES: valid UTF-8.
std::string SafeForTerminal(std::string_view text);

// The text on one of six alternating backgrounds.
std::string Coloured(std::string_view text, size_t index);
std::string Dim(std::string_view text);

}  // namespace sluice::cli
