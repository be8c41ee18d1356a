#pragma once

// Time as a dependency: code that waits or measures takes a Clock, so that
// tests and the simulator own the time.

#include <atomic>
#include <cstdint>

namespace sluice {

// Nanoseconds of a monotonic clock; only differences mean anything.
using Nanos = int64_t;

constexpr Nanos kNanosPerMicro = 1'000;
constexpr Nanos kNanosPerMilli = 1'000'000;
constexpr Nanos kNanosPerSecond = 1'000'000'000;

constexpr double ToSeconds(Nanos nanos) {
  return static_cast<double>(nanos) / kNanosPerSecond;
}

// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanos Now() const = 0;
};

// CLOCK_MONOTONIC. Threads: any.
class MonotonicClock final : public Clock {
 public:
  Nanos Now() const override;
};

// Stands still until it is moved. Threads: any.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Nanos start = kNanosPerSecond) : now_(start) {}
  Nanos Now() const override { return now_.load(std::memory_order_relaxed); }
  void Advance(Nanos by) { now_.fetch_add(by, std::memory_order_relaxed); }

 private:
  std::atomic<Nanos> now_;
};

}  // namespace sluice
