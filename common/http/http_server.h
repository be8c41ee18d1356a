#pragma once

// A small strict HTTP/1.1 server: routes, keep-alive, bounded everything,
// answers and streams from any thread. Boost stays behind this header.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/http/http_message.h"

namespace sluice {

// One request and the way to answer it, kept by whoever works on it. Dropped
// without an answer, it answers 500 (an open stream is aborted).
// Threads: any; calls do not block. Callbacks run on an I/O thread, hold no
// lock, and are dropped after the exchange ended, so they may own it.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const HttpRequest& request() const = 0;

  // The whole answer. REQUIRES: neither Respond nor BeginStream was called.
  virtual void Respond(HttpResponse response) = 0;

  // The head of a streamed answer; `head.body` is its first piece. For SSE:
  // content_type "text/event-stream" (no-cache and no-buffering headers are
  // added for it). REQUIRES: as Respond.
  virtual void BeginStream(HttpResponse head) = 0;

  // Queues a piece whole or not at all. Pieces leave in order.
  // Limits: HttpServerOptions::max_outbound_bytes are held; a larger piece is
  // taken when nothing else is held.
  // Errors: RESOURCE_EXHAUSTED: full, nothing taken, wait for OnDrained.
  // CANCELLED: the client is gone or the exchange ended; no use to go on.
  // REQUIRES: BeginStream was called, End was not.
  virtual absl::Status Write(std::string_view piece) = 0;

  // Runs each time at least half of the buffer is free again after a Write
  // was refused. Set it before the first Write.
  virtual void OnDrained(std::function<void()> callback) = 0;

  // The last piece was written; what is held still leaves.
  virtual void End() = 0;
  // Queues a last piece although the buffer may be full, and ends. What is held
  // has write_timeout_ms in all to leave; then the connection is cut.
  // REQUIRES: as Write.
  virtual void EndWith(std::string_view last) = 0;
  // Cuts the connection, so the client sees that the stream is not whole.
  virtual void Abort() = 0;

  // Runs once if the client goes away (or the server stops) before the answer
  // has been handed to the kernel whole; at once, on the calling thread, when
  // that happened before.
  virtual void OnClosed(std::function<void()> callback) = 0;
  virtual bool closed() const = 0;
};

using HttpHandler = std::function<void(std::shared_ptr<HttpExchange>)>;

struct HttpRoute {
  std::string method;  // "GET" (answers HEAD too) or "POST" ...
  std::string path;    // "/chat", or "/v1/tasks/*" for anything below
  // Runs on an I/O thread and must not block.
  HttpHandler handler;
};

struct HttpServerOptions {
  std::string listen = "127.0.0.1:0";
  int32_t io_threads = 2;
  int64_t max_header_bytes = 16 << 10;   // 431 beyond
  int64_t max_body_bytes = 4 << 20;      // 413 beyond
  int64_t max_outbound_bytes = 8 << 10;  // of a stream, per exchange
  int32_t max_unsent_bytes = 8 << 10;    // that the kernel takes on top
  int32_t max_connections = 4096;        // 503 beyond
  int32_t header_timeout_ms = 5'000;     // from its first byte; 408, close
  int32_t body_timeout_ms = 30'000;      // whole body; 408, close
  int32_t idle_timeout_ms = 60'000;      // between requests; close
  int32_t write_timeout_ms = 30'000;     // a reader that stands still; close
};

// On a loopback address only loopback Host names are served (403 else), so
// that no web page can reach it by DNS rebinding.
// Threads: any, except that Shutdown is called by one thread.
class HttpServer {
 public:
  // Errors: INVALID_ARGUMENT (listen), UNAVAILABLE (port taken).
  // REQUIRES: no two routes of equal method and path.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const HttpServerOptions& options, std::vector<HttpRoute> routes);
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  virtual const std::string& listen() const = 0;
  // Connections open now.
  virtual int32_t connections() const = 0;

  // First half of an end: takes no new connection, closes idle ones, answers
  // running exchanges with "Connection: close".
  virtual void StopAccepting() = 0;
  // Second half: waits up to `grace` for running exchanges, cuts the rest,
  // joins the threads. REQUIRES: not on an I/O thread.
  virtual void Shutdown(Nanos grace) = 0;
};

}  // namespace sluice
