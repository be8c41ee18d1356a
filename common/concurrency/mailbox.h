#pragma once

// The one way into a thread that owns its state: many producers, one consumer,
// bounded, in order of arrival.

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/clock.h"

namespace sluice {

// Threads: TryPush, Wake, Close and the getters any; the rest consumer only.
// Limits: `capacity` items; when full a push is refused, nothing is dropped.
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(size_t capacity) : capacity_(capacity) {
    SLUICE_CHECK(capacity > 0, "a mailbox holds at least one item");
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Never blocks. The item is untouched when it is refused.
  // Errors: RESOURCE_EXHAUSTED when full, UNAVAILABLE when closed.
  absl::Status TryPush(T&& item) {
    absl::MutexLock lock(&mutex_);
    if (closed_) return absl::UnavailableError("mailbox: closed");
    if (items_.size() >= capacity_) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "mailbox: full, got ", items_.size() + 1, ", limit ", capacity_));
    }
    items_.push_back(std::move(item));
    return absl::OkStatus();
  }

  // Ends the current or next wait although there may be no item.
  void Wake() {
    absl::MutexLock lock(&mutex_);
    woken_ = true;
  }

  // No item comes in any more; those inside stay to be drained. Ends waits.
  void Close() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }

  // Everything inside, oldest first; returns at once.
  std::vector<T> DrainAll() {
    absl::MutexLock lock(&mutex_);
    return TakeAll();
  }

  // The same, after waiting for an item, Wake, Close or the timeout.
  std::vector<T> WaitAndDrain(Nanos timeout) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &Mailbox::HasNews),
                            absl::Nanoseconds(timeout));
    return TakeAll();
  }

  bool closed() const {
    absl::MutexLock lock(&mutex_);
    return closed_;
  }
  size_t size() const {
    absl::MutexLock lock(&mutex_);
    return items_.size();
  }
  size_t capacity() const { return capacity_; }

 private:
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !items_.empty() || woken_ || closed_;
  }
  std::vector<T> TakeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    woken_ = false;
    std::vector<T> taken;
    taken.reserve(items_.size());
    for (T& item : items_) taken.push_back(std::move(item));
    items_.clear();
    return taken;
  }

  const size_t capacity_;
  mutable absl::Mutex mutex_;
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
