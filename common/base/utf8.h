#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice {

// Offset of the first byte that is not part of well-formed UTF-8 (RFC 3629: no
// surrogates, no overlong forms, nothing above U+10FFFF); nullopt when all of
// `text` is. Threads: any.
std::optional<size_t> InvalidUtf8Offset(std::string_view text);

inline bool IsValidUtf8(std::string_view text) {
  return !InvalidUtf8Offset(text).has_value();
}

}  // namespace sluice
