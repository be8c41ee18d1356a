#pragma once

// Writes to clients away from the engine thread, whose steps a socket must not
// lengthen.

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/named_thread.h"

namespace sluice::generator {

// Threads: any. Limits: each stream is in the queue at most once, so it is as
// long as there are streams.
class WritePump {
 public:
  // Something that may have a message to write.
  class Stream {
   public:
    virtual ~Stream() = default;
    // Writes the next message if none is on its way. Never blocks.
    virtual void Advance() = 0;

   private:
    friend class WritePump;
    bool queued_ = false;  // guarded by WritePump::mutex_
  };

  WritePump();
  ~WritePump();

  // Has Advance called on the pump's thread. Shared with gRPC, which owns the
  // stream until its call is done.
  void Add(std::shared_ptr<Stream> stream);

 private:
  void Loop();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopped_ || !queue_.empty();
  }

  absl::Mutex mutex_;
  std::vector<std::shared_ptr<Stream>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  NamedThread thread_;
};

}  // namespace sluice::generator
