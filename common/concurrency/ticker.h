#pragma once

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/concurrency/named_thread.h"

namespace sluice {

// Calls a function at a steady pace on a thread of its own, until destroyed.
// Threads: one owner.
class Ticker {
 public:
  Ticker(Nanos period, std::function<void()> tick);
  // Waits for a running call.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void Run();

  const Nanos period_;
  const std::function<void()> tick_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  NamedThread thread_;
};

}  // namespace sluice
