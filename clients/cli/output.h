#pragma once

// Where a command writes.

#include <ostream>

#include "clients/cli/terminal.h"

namespace sluice::cli {

// Lent for one command.
struct Output {
  std::ostream& out;
  std::ostream& err;
  Terminals terminals;
};

}  // namespace sluice::cli
