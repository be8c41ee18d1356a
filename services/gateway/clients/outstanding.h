#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace sluice::gateway {

// How many calls run at one endpoint; shared with the calls, which may outlive
// it. Threads: any.
class Outstanding {
 public:
  void Add() { count_.fetch_add(1, std::memory_order_relaxed); }
  void Remove() { count_.fetch_sub(1, std::memory_order_relaxed); }
  int64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> count_{0};
};

}  // namespace sluice::gateway
