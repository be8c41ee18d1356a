#pragma once

// Randomness as a dependency: whoever draws a seed or an id takes a
// RandomSource, so that tests and the simulator own the dice.

#include <atomic>
#include <cstdint>
#include <string>

namespace sluice {

// Threads: any.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  // 64 independent uniform bits.
  virtual uint64_t Next() = 0;
};

// The kernel's generator; fit for ids that nobody may guess. Threads: any.
class SystemRandom final : public RandomSource {
 public:
  uint64_t Next() override;
};

// The same numbers for the same seed (SplitMix64, Steele et al. 2014).
// Threads: any; who shares one shares its sequence.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() override;

 private:
  std::atomic<uint64_t> state_;
};

// 128 bits as 32 lower-case hex characters.
std::string DrawId(RandomSource& random);

}  // namespace sluice
