#pragma once

// What a template may cost. Templates come with model files and are not
// trusted: every loop, call, copied byte and byte looked at is paid for, and
// before it is touched where that can be much.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::tokenizer::jinja {

struct Limits {
  int64_t steps = 200'000;         // expressions, statements, 512-byte copies
  int64_t output_bytes = 4 << 20;  // of one render
  int64_t string_bytes = 4 << 20;  // of any one string on the way
  int64_t source_bytes = 1 << 20;  // of a template
  int64_t tokens = 1 << 15;        // of a template; known ones have 2,400
  int64_t name_bytes = 256;        // of a variable, attribute or filter
  int64_t range_items = 100'000;   // of one range(), as Jinja's sandbox
  int nesting = 64;                // of tags and of expressions, each
  int calls = 64;                  // macros inside macros
};

// What is left during one render. Prices are such that a step is at most about
// half a microsecond of work. Threads: one.
class Budget {
 public:
  explicit Budget(const Limits& limits)
      : limits_(limits), units_(limits.steps * kUnitsPerStep) {}

  const Limits& limits() const { return limits_; }

  // Errors: RESOURCE_EXHAUSTED, here and below.
  absl::Status Spend(int64_t steps) {
    if (steps > limits_.steps) return SpendUnits(units_ + 1);
    return SpendUnits(steps * kUnitsPerStep);
  }
  // Pays for making a string.
  absl::Status SpendBytes(size_t bytes) {
    if (static_cast<int64_t>(bytes) > limits_.string_bytes) [[unlikely]] {
      return TooLong(bytes);
    }
    return SpendUnits(static_cast<int64_t>(bytes));
  }
  // Pays for looking at each character.
  absl::Status SpendScan(size_t bytes) {
    return SpendUnits(static_cast<int64_t>(bytes) * kUnitsPerScannedByte);
  }
  // Pays for looking up properties of each character, or for changing it.
  absl::Status SpendScanClosely(size_t bytes) {
    return SpendUnits(static_cast<int64_t>(bytes) * kUnitsPerStudiedByte);
  }
  // Pays for copies of values.
  absl::Status SpendItems(int64_t items) {
    if (items > limits_.steps * kItemsPerStep) return SpendUnits(units_ + 1);
    return SpendUnits(items * (kUnitsPerStep / kItemsPerStep));
  }
  // Pays for finding a variable among so many.
  absl::Status SpendLookup(size_t looked_at) {
    constexpr int64_t kUnitsPerLookup = 16;
    constexpr int64_t kUnitsPerVariable = 4;
    return SpendUnits(kUnitsPerLookup +
                      static_cast<int64_t>(looked_at) * kUnitsPerVariable);
  }
  // Pays for a piece put to the end of a string of `size` bytes.
  absl::Status SpendAppend(size_t size, size_t bytes) {
    constexpr int64_t kUnitsPerPiece = 64;
    if (static_cast<int64_t>(size + bytes) > limits_.string_bytes)
        [[unlikely]] {
      return TooLong(size + bytes);
    }
    return SpendUnits(static_cast<int64_t>(bytes) + kUnitsPerPiece);
  }

  int64_t steps_left() const { return units_ < 0 ? 0 : units_ / kUnitsPerStep; }

 private:
  static constexpr int64_t kUnitsPerStep = 512;  // so a unit is a copied byte
  static constexpr int64_t kUnitsPerScannedByte = 8;
  static constexpr int64_t kUnitsPerStudiedByte = 32;
  static constexpr int64_t kItemsPerStep = 8;

  absl::Status SpendUnits(int64_t units) {
    units_ -= units;
    if (units_ >= 0) [[likely]]
      return absl::OkStatus();
    units_ = -1;
    return absl::ResourceExhaustedError(
        absl::StrCat("ran out of steps, limit ", limits_.steps));
  }
  absl::Status TooLong(size_t bytes) const {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a string of ", bytes, " bytes, limit ", limits_.string_bytes));
  }

  const Limits limits_;
  int64_t units_;
};

}  // namespace sluice::tokenizer::jinja
