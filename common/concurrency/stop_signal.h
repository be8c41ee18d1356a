#pragma once

// SIGTERM and SIGINT as a value that the main thread waits for; SIGHUP as a
// callback. A thread of its own reads the signals, so nothing ever runs in a
// signal handler.

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/concurrency/named_thread.h"

namespace sluice {

// REQUIRES: made in main before any other thread starts: the signals are
// blocked in this thread and in all that it starts later. SIGPIPE is ignored
// from then on. A second SIGTERM or SIGINT ends the process at once with
// exit code 128 + signal.
// Threads: any.
class StopSignal {
 public:
  // `on_hangup` runs on the signal thread at each SIGHUP; may be empty.
  explicit StopSignal(std::function<void()> on_hangup = {});
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Until a stop signal came or Request was called.
  void Wait();
  // The same for at most `timeout`; returns requested().
  bool WaitFor(Nanos timeout);
  // As if SIGTERM had come: for parts that find they cannot go on.
  void Request();
  bool requested() const;

 private:
  void ReadSignals();
  void OnStopSignal(int signal);

  std::function<void()> on_hangup_;
  mutable absl::Mutex mutex_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool signalled_ ABSL_GUARDED_BY(mutex_) = false;  // by a real signal
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  NamedThread thread_;
};

}  // namespace sluice
