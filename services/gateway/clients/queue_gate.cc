#include "services/gateway/clients/queue_gate.h"

#include <algorithm>

namespace sluice::gateway {

bool QueueGate::TryPass(Nanos now) {
  absl::MutexLock lock(&mutex_);
  if (Open(now)) return true;
  if (credits_ > 0) {
    --credits_;
    return true;
  }
  if (now < probe_at_) return false;
  probe_at_ = now + options_.probe_interval;
  return true;
}

bool QueueGate::WouldPass(Nanos now) const {
  absl::MutexLock lock(&mutex_);
  return Open(now) || credits_ > 0 || now >= probe_at_;
}

void QueueGate::OnFull(Nanos now, Nanos retry_delay) {
  absl::MutexLock lock(&mutex_);
  // Those on their way when it closed are refused as well: they took no
  // credit.
  if (Open(now)) credits_ = 0;
  closed_ = true;
  full_at_ = now;
  probe_at_ = now + options_.probe_interval;
  retry_delay_ = retry_delay;
}

void QueueGate::OnLeftQueue(bool waited) {
  absl::MutexLock lock(&mutex_);
  if (!waited) closed_ = false;
  if (closed_) credits_ = std::min(credits_ + 1, options_.max_credits);
}

Nanos QueueGate::retry_delay() const {
  absl::MutexLock lock(&mutex_);
  return retry_delay_;
}

}  // namespace sluice::gateway
