#pragma once

#include <string>
#include <string_view>

namespace sluice {

// docs/reference/flags.md for one program: a markdown table of name, type,
// default and help, sorted by name, of every flag that is defined in a file
// whose path ends in `file`. Threads: any.
std::string FlagReferenceMarkdown(std::string_view program,
                                  std::string_view file = "config.cc");

}  // namespace sluice
