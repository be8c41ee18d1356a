#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/http/http_server.h"

namespace sluice::gateway {

// Writes one piece at a time to a streamed answer and says when it was taken,
// however slowly the client reads. Shared with the exchange's callback.
// Threads: any; one Write at a time.
class PacedWriter : public std::enable_shared_from_this<PacedWriter> {
 public:
  // OK: taken. Otherwise the client is gone.
  using Done = std::function<void(absl::Status)>;

  explicit PacedWriter(std::shared_ptr<HttpExchange> http);

  // Once, before the first Write.
  void Listen();
  // REQUIRES: the last piece was taken. `done` may run before this returns.
  void Write(std::string piece, Done done);
  // Tries again what was refused: there is room, or the client is gone.
  void Wake();
  // What is refused, now or later, is not tried again: it ends with CANCELLED.
  void GiveUp();

 private:
  enum class State { kIdle, kWriting, kWaiting };

  void Attempt();

  const std::shared_ptr<HttpExchange> http_;
  std::string piece_;  // whoever is in kWriting owns both
  Done done_;
  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  bool given_up_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::gateway
