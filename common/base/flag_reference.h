#pragma once

#include <string>
#include <string_view>

namespace sluice {

// docs/reference/flags.md for one program: a markdown table of name, type,
// default and help of every flag defined in a file named config.cc, sorted by
// name. Threads: any.
std::string FlagReferenceMarkdown(std::string_view program);

}  // namespace sluice
