#pragma once

// How long a step of so many decode rows takes, as it was measured lately. What
// was not seen for many steps is forgotten: the machine may have changed.

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"

namespace sluice::generator {

// Threads: engine thread only.
class StepCost {
 public:
  // Larger steps are not looked at.
  static constexpr int32_t kMostRows = 128;

  void OnStep(int32_t rows, Nanos elapsed);

  // Whether steps of just so many rows were measured.
  bool knows(int32_t rows) const;
  // The most rows that were.
  int32_t most_known() const;
  // Between those that were measured in proportion, beyond them as the nearest:
  // what is not known is tried. 0 when nothing was measured.
  // REQUIRES: 1 <= rows <= kMostRows.
  double Seconds(int32_t rows) const;

 private:
  static constexpr size_t kRemembered = 5;

  struct Measured {
    std::array<double, kRemembered> seconds = {};  // the last few, any order
    size_t count = 0;                              // ever
    int64_t at_step = 0;                           // the last time
    double median = 0;
  };

  std::array<Measured, kMostRows + 1> measured_ = {};  // by rows
  int64_t steps_ = 0;
};

}  // namespace sluice::generator
