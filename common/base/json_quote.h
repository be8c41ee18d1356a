#pragma once

#include <string>
#include <string_view>

namespace sluice {

// `text` as a JSON string with its quotes, one line, always valid UTF-8:
// control characters are escaped, each byte that is not part of well-formed
// UTF-8 becomes U+FFFD. Threads: any.
std::string JsonQuote(std::string_view text);

// The same appended to `out`.
void AppendJsonQuoted(std::string_view text, std::string& out);

}  // namespace sluice
