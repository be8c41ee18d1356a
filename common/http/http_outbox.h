#pragma once

// One answer on its way from any thread to the connection: what is queued, what
// is being written, who wants to know. Knows no sockets.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/http/http_head.h"
#include "common/http/http_message.h"

namespace sluice {

// Threads: any, except the part for the connection.
class HttpOutbox {
 public:
  // `wake` tells the connection to Take; it runs with no lock held.
  // `keep_alive_now` is asked once, when the answer begins.
  HttpOutbox(AnswerStyle style, int64_t max_bytes,
             std::function<bool()> keep_alive_now, std::function<void()> wake);

  // For the handler; the contract is HttpExchange's.
  void Respond(HttpResponse response);
  void BeginStream(HttpResponse head);
  absl::Status Write(std::string_view piece);
  void OnDrained(std::function<void()> callback);
  void End();
  void EndWith(std::string_view last);
  void Abort();
  void OnClosed(std::function<void()> callback);
  bool closed() const;
  // The handler let go of the exchange.
  void Abandon();

  // For the connection. Threads: its strand.
  struct Batch {
    std::string bytes;        // to be written now; empty: nothing to do
    bool last = false;        // nothing comes after these
    bool abort = false;       // cut the connection instead
    bool keep_alive = false;  // valid when last
  };
  Batch Take();
  // The end is bounded in time.
  bool hurried() const;
  // What was taken has been handed to the kernel.
  void Wrote();
  // The answer left whole; callbacks are dropped.
  void Done();
  // The connection is gone.
  void Closed();

 private:
  enum class Phase { kWaiting, kStreaming, kEnded, kAborted, kDone, kClosed };

  void Begin(std::string head) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool over() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return phase_ == Phase::kAborted || phase_ == Phase::kDone ||
           phase_ == Phase::kClosed;
  }
  int64_t held() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return static_cast<int64_t>(pending_.size()) + writing_bytes_;
  }

  const int64_t max_bytes_;
  const std::function<bool()> keep_alive_now_;
  const std::function<void()> wake_;

  mutable absl::Mutex mutex_;
  AnswerStyle style_ ABSL_GUARDED_BY(mutex_);
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kWaiting;
  std::string pending_ ABSL_GUARDED_BY(mutex_);
  int64_t writing_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hurried_ ABSL_GUARDED_BY(mutex_) = false;
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> on_drained_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_closed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
