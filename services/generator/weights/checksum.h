#pragma once

// A checksum that is faster than memory.

#include <cstdint>

#include "absl/types/span.h"

namespace sluice::generator {

// 64 bits over bytes and their number. Against accidents, not against forgery:
// two inputs of equal length that differ inside one aligned 8-byte word never
// agree (every step is a bijection of what it has and of the word), others
// agree with a chance of about 2^-64. docs/formats.md has the definition.
// Threads: any.
uint64_t Checksum(absl::Span<const uint8_t> bytes);

}  // namespace sluice::generator
