#pragma once

// One POST /chat_stream on one connection.

#include <functional>
#include <string>
#include <string_view>

#include "bench/load/call_watch.h"
#include "bench/load/event_loop.h"
#include "bench/load/http_reader.h"

namespace sluice::load {

struct HttpCallSettings {
  int32_t bytes_per_second = 0;  // 0: reads as fast as it can
  // Once, from the loop; the call may be destroyed then. `reusable_fd` is -1
  // unless the connection, now the callee's, may carry another request.
  std::function<void(CallRecord record, int reusable_fd)> on_end;
};

// Threads: the loop's.
class HttpCall {
 public:
  // Takes over `fd`: a non-blocking socket, connected or connecting, or -1
  // when there was none left; the call then fails.
  HttpCall(EventLoop& loop, int fd, std::string request, CallWatch watch,
           HttpCallSettings settings);
  ~HttpCall();
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  void Begin();
  void Cancel(Cut reason);

 private:
  void OnReady();
  void Send();
  void ReadAll();
  void ReadSlowly();
  // One read of at most `limit` bytes; false when the call ended or there is
  // nothing to read yet.
  bool ReadSome(size_t limit);
  void OnBody(std::string_view bytes);
  void OnEvent(std::string_view name, std::string_view data);
  void OnDone(std::string_view data);
  absl::Status Outcome() const;
  void End(const absl::Status& status, Cut cut = Cut::kNone);

  EventLoop& loop_;
  int fd_;
  std::string unsent_;
  CallWatch watch_;
  const HttpCallSettings settings_;
  HttpReader reader_;
  SseReader events_;
  Nanos now_ = 0;  // when the bytes came that are being read
  std::string error_body_;
  absl::Status stream_error_;
  bool watched_ = false;
  bool ended_ = false;
  EventLoop::TimerId next_read_{};
};

}  // namespace sluice::load
