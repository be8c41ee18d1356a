#pragma once

// What a template may cost. Templates come with model files and are not
// trusted: every loop, call and copied byte is paid for.

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
  int64_t range_items = 100'000;   // of one range(), as Jinja's sandbox
  int nesting = 64;                // of tags and of expressions, each
  int calls = 64;                  // macros inside macros
};

// What is left during one render. Threads: one.
class Budget {
 public:
  explicit Budget(const Limits& limits)
      : limits_(limits), steps_(limits.steps) {}

  const Limits& limits() const { return limits_; }

  // Errors: RESOURCE_EXHAUSTED, here and below.
  absl::Status Spend(int64_t steps) {
    steps_ -= steps;
    if (steps_ >= 0) [[likely]]
      return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("ran out of steps, limit ", limits_.steps));
  }
  // Pays for making a string.
  absl::Status SpendBytes(size_t bytes) {
    if (static_cast<int64_t>(bytes) > limits_.string_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "a string of ", bytes, " bytes, limit ", limits_.string_bytes));
    }
    return Spend(static_cast<int64_t>(bytes / kBytesPerStep));
  }

  int64_t steps_left() const { return steps_; }

 private:
  static constexpr size_t kBytesPerStep = 512;

  const Limits limits_;
  int64_t steps_;
};

}  // namespace sluice::tokenizer::jinja
