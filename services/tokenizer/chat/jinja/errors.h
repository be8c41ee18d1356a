#pragma once

// What a template did wrong, as a Status. INVALID_ARGUMENT is an error as
// Python would raise it; RESOURCE_EXHAUSTED says that a limit ended the render.

#include <concepts>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::tokenizer::jinja {

inline void AppendPart(std::string& out, std::string_view part) { out += part; }
template <std::integral T>
void AppendPart(std::string& out, T part) {
  out += std::to_string(part);
}

// The start of a text that comes from a template or a request, for messages.
std::string Clip(std::string_view text, size_t max_bytes = 128);

// INVALID_ARGUMENT with the parts put together.
template <typename... Parts>
absl::Status Fail(const Parts&... parts) {
  std::string message;
  (AppendPart(message, parts), ...);
  return absl::InvalidArgumentError(message);
}

}  // namespace sluice::tokenizer::jinja
