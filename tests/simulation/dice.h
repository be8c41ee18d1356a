#pragma once

// The one source of chance of a simulation.

#include <cstdint>

#include "common/base/check.h"
#include "common/base/random.h"

namespace sluice::generator {

// Threads: one at a time.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  uint64_t Bits() { return random_.Next(); }
  // Uniform in [least, most].
  int32_t Between(int32_t least, int32_t most) {
    SLUICE_CHECK(least <= most, "the range is not empty");
    const uint64_t count = static_cast<uint64_t>(most - least) + 1;
    return least + static_cast<int32_t>(Bits() % count);
  }
  bool OneIn(int32_t count) { return Between(1, count) == 1; }
  template <typename T, size_t kCount>
  T OneOf(const T (&choices)[kCount]) {
    return choices[Between(0, static_cast<int32_t>(kCount) - 1)];
  }

 private:
  SeededRandom random_;
};

}  // namespace sluice::generator
