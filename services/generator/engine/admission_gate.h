#pragma once

// Refuses on the caller's thread what the engine would refuse as soon as its
// step is over: under overload a refusal must not take as long as a step.

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/generator/scheduler/admission.h"
#include "services/generator/scheduler/request.h"

namespace sluice::generator {

// Counts those that are on their way to the engine against the room that it
// last told of. It may let in too many, never refuses what there is room for;
// the engine judges again. Threads: any.
class AdmissionGate {
 public:
  // Until the first call there is room for all.
  void Publish(QueueRoom room);

  // Errors: RESOURCE_EXHAUSTED, reason QUEUE_FULL or DEADLINE_UNMEETABLE, with
  // the retry delay.
  absl::Status Enter(const Request& request);
  // It arrived at the engine, or never will. REQUIRES: it entered.
  void Leave(const Request& request);

  // What to tell those who are refused elsewhere; 0 before the first Publish.
  Nanos retry_delay() const;

 private:
  int32_t RoomOf(const QueueRoom::Key& key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  QueueRoom room_ ABSL_GUARDED_BY(mutex_);
  // On their way; no more than the mailbox holds, and one for each caller.
  std::map<QueueRoom::Key, int32_t> inside_ ABSL_GUARDED_BY(mutex_);
  int32_t inside_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::generator
