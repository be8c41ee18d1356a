#pragma once

// Finds any of a few strings in a stream of bytes, a byte at a time.
// Source: Knuth, Morris, Pratt, "Fast pattern matching in strings", 1977, once
// for each string: with at most 16 of them that is as fast as one automaton
// over all and takes a hundredth of its memory.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace sluice::generator {

// Limits: 5 bytes of memory for each byte of the patterns.
// Threads: immutable after construction.
class StopStrings {
 public:
  static constexpr int32_t kNone = -1;

  // How far a stream has come: for each pattern the length of the longest
  // suffix of what was read that begins it.
  using Cursor = std::vector<int32_t>;

  // REQUIRES: no pattern is empty.
  explicit StopStrings(absl::Span<const std::string> patterns);

  Cursor Start() const { return Cursor(patterns_.size(), 0); }
  // Reads a byte. Returns the longest pattern that ends with it (of equal ones
  // the first), kNone when none does.
  int32_t Advance(Cursor& cursor, char byte) const;
  // Length of the longest suffix of what was read that begins a pattern, but
  // is not all of one.
  static int32_t PendingBytes(const Cursor& cursor);

  const std::string& pattern(int32_t index) const { return patterns_[index]; }

 private:
  std::vector<std::string> patterns_;
  // fallback_[p][i]: length of the longest proper suffix of the first i + 1
  // bytes of pattern p that also begins it.
  std::vector<std::vector<int32_t>> fallback_;
};

}  // namespace sluice::generator
