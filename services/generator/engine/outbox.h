#pragma once

// What one client has still to read. The engine puts in and never waits; a
// slow reader makes deltas grow together, and then has its request paused.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/generator/scheduler/token_event.h"

namespace sluice::generator {

using StreamMessage = std::variant<Queued, Started, Progress, Delta, Finished>;

struct OutboxLimits {
  // Unread ids at which the request is paused; it goes on at half of them.
  int32_t max_pending_ids = 4096;
  // Ids of one message, at least 2,048; the rest goes into the next.
  int32_t max_message_ids = 16384;
};

// Threads: any; one engine thread puts in, one reader at a time takes out.
// Limits: as many ids as the engine adds in one step over max_pending_ids; one
// message of each other kind.
class Outbox {
 public:
  // `on_ready` runs on the engine thread when there is something to take after
  // there was nothing, `on_room` on the reader's when a full outbox has room
  // again or the reader gave up. Neither is called with a lock held.
  Outbox(const OutboxLimits& limits, std::function<void()> on_ready,
         std::function<void()> on_room);

  // Engine side. Nothing may follow Close.
  void Push(StreamMessage message);
  // The stream ends with this once all before it was taken.
  void Close(absl::Status status);
  // More ids than the limit, until there are less than half of it.
  bool full() const;
  bool empty() const;

  // Reader side: the next message, or the end after the last one, or neither.
  struct Taken {
    std::optional<StreamMessage> message;
    std::optional<absl::Status> end;
  };
  Taken Take();
  // The reader is gone; the engine sees it at the start of its next step.
  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  void Merge(StreamMessage message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MergeDelta(Delta& delta) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StreamMessage TakeFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const OutboxLimits limits_;
  const std::function<void()> on_ready_;
  const std::function<void()> on_room_;
  std::atomic<bool> cancelled_ = false;

  mutable absl::Mutex mutex_;
  std::deque<StreamMessage> messages_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  int64_t pending_ids_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::generator
