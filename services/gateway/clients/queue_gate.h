#pragma once

// What is known of a Generator's queue without asking: after it refused a
// request because it is full, others are refused here at once, until there is
// reason to think that it has room.

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"

namespace sluice::gateway {

struct QueueGateOptions {
  // While it is closed, a request is let through this often just to see: other
  // Gateways may have made room, and a smaller request may fit.
  Nanos probe_interval = 250 * kNanosPerMilli;
  // Opens when no request was refused for so long.
  Nanos reopen_after = kNanosPerSecond;
  // Requests that may be let through at once after a long time without one.
  int32_t max_credits = 256;
};

// Open until a request is refused. Closed, it lets through one request for
// each that left the queue since, so that the Generator never waits for work
// that is refused here.
// Threads: any; none of the calls blocks.
class QueueGate {
 public:
  explicit QueueGate(const QueueGateOptions& options = {})
      : options_(options) {}

  // May a request be sent? While closed, true takes a credit or the probe.
  bool TryPass(Nanos now);
  // Would TryPass be true?
  bool WouldPass(Nanos now) const;

  // The Generator refused one, its queue is full; what it said about retrying.
  void OnFull(Nanos now, Nanos retry_delay);
  // One is out of the queue: it was started, or ended while it waited.
  // `waited`: it had to queue; if not, the queue is empty.
  void OnLeftQueue(bool waited);

  // Of the last refusal.
  Nanos retry_delay() const;

 private:
  bool Open(Nanos now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_ || now - full_at_ >= options_.reopen_after;
  }

  const QueueGateOptions options_;
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int32_t credits_ ABSL_GUARDED_BY(mutex_) = 0;
  Nanos full_at_ ABSL_GUARDED_BY(mutex_) = 0;
  Nanos probe_at_ ABSL_GUARDED_BY(mutex_) = 0;
  Nanos retry_delay_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::gateway
