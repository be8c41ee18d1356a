#pragma once

// What every text of a request is judged by. Threads: any (pure).

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::gateway::api {

// At most 40 bytes of a client's text for an error message, in quotes, with
// everything unprintable escaped.
std::string Quoted(std::string_view text);

absl::Status CheckUtf8(std::string_view field, const std::string& text);

// Names travel into logs and headers: no control characters.
absl::Status CheckName(const std::string& field, const std::string& name,
                       size_t max_bytes);

// `what` are counted: "messages".
absl::Status CheckCount(std::string_view field, size_t count, size_t limit,
                        const char* what);

}  // namespace sluice::gateway::api
