#pragma once

// A blocking HTTP/1.1 client for tests, on plain sockets: it can also send
// nonsense, read a stream piece by piece, stand still and vanish.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/http/http_message.h"

namespace sluice {

struct HttpReply {
  int status = 0;
  HttpHeaders headers;
  std::string body;  // empty after a call that reads the head only

  // The first header of that name, any case; empty when absent.
  std::string header(std::string_view name) const;
};

struct SseFrame {
  std::string event;  // empty when not named
  std::string data;   // data lines joined by newlines
};

// One connection. Threads: one at a time. Every wait ends after `timeout` with
// DEADLINE_EXCEEDED; a closed connection is UNAVAILABLE.
class HttpClient {
 public:
  static absl::StatusOr<HttpClient> Connect(uint16_t port,
                                            Nanos timeout = 20 *
                                                            kNanosPerSecond);
  ~HttpClient();
  HttpClient(HttpClient&& other) noexcept;
  HttpClient& operator=(HttpClient&& other) noexcept;

  // Sends a request with Host and Content-Length and reads the whole reply.
  absl::StatusOr<HttpReply> Call(std::string_view method, std::string_view path,
                                 std::string_view body = "",
                                 const HttpHeaders& headers = {});

  absl::Status Send(std::string_view method, std::string_view path,
                    std::string_view body = "",
                    const HttpHeaders& headers = {});
  absl::Status SendRaw(std::string_view bytes);
  // The status line and headers.
  absl::StatusOr<HttpReply> ReadHead();
  // After ReadHead; `to_head` as the answer to a HEAD request has no body.
  absl::StatusOr<HttpReply> ReadReply(bool to_head = false);
  // After ReadHead: the next bytes of a streamed body; empty at its end.
  absl::StatusOr<std::string> ReadPiece();
  // After ReadHead: the next event; nullopt at the end of the stream.
  // Comment lines are skipped.
  absl::StatusOr<std::optional<SseFrame>> ReadEvent();
  // OK once the server has closed the connection.
  absl::Status WaitForClose();

  // Orderly (FIN), and at once (RST).
  void Close();
  void Reset();

 private:
  HttpClient(int fd, Nanos timeout);
  absl::Status Fill();
  absl::StatusOr<std::string> ReadLine();
  absl::StatusOr<std::string> ReadBytes(size_t count);

  int fd_ = -1;
  Nanos timeout_ = 0;
  std::string inbox_;
  // How the current body ends.
  bool chunked_ = false;
  bool body_done_ = false;
  std::optional<int64_t> content_left_;
  std::string sse_text_;
};

}  // namespace sluice
