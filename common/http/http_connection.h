#pragma once

// One TCP connection of the HTTP server. Only http_connection.cc and
// http_server.cc include this: it brings Boost along.

#include <utility>  // Asio 1.74 forgets it
// The line above stays first.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/http/http_outbox.h"
#include "common/http/http_routes.h"
#include "common/http/http_server.h"

namespace sluice {

class HttpConnection;

// What all connections of a server share; it outlives them. Threads: any.
class HttpServerState {
 public:
  HttpServerState(HttpServerOptions server_options,
                  std::vector<HttpRoute> server_routes)
      : options(std::move(server_options)), routes(std::move(server_routes)) {}

  const HttpServerOptions options;
  const HttpRoutes routes;
  std::atomic<bool> loopback_only{false};
  std::atomic<bool> draining{false};
  boost::asio::io_context io;

  void Add(const std::shared_ptr<HttpConnection>& connection);
  void Remove(HttpConnection* connection);
  std::vector<std::shared_ptr<HttpConnection>> Connections() const;
  int32_t count() const;
  // Until no connection is left; false when `timeout` passes first.
  bool WaitForNone(Nanos timeout) const;

 private:
  bool none() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return connections_.empty();
  }

  mutable absl::Mutex mutex_;
  std::map<HttpConnection*, std::weak_ptr<HttpConnection>> connections_
      ABSL_GUARDED_BY(mutex_);
};

// Reads requests one after another, keeps one read outstanding while a request
// is being answered (so that a vanished client is noticed), writes what the
// outbox holds. Threads: everything runs on the socket's strand; Start, Drain
// and Cut may be called from any thread.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // REQUIRES: the socket's executor is a strand.
  HttpConnection(std::shared_ptr<HttpServerState> state,
                 boost::asio::ip::tcp::socket socket);

  // Serves requests, or refuses the connection with 503.
  void Start(bool refuse);
  // Ends it once no request is being read or answered.
  void Drain();
  // Ends it now.
  void Cut();

 private:
  using ErrorCode = boost::system::error_code;
  using Parser =
      boost::beast::http::request_parser<boost::beast::http::string_body>;
  // What the deadline timer guards.
  enum class Wait { kNone, kIdle, kHeader, kBody, kLinger };

  void Read();
  void OnRead(ErrorCode error, size_t bytes);
  void Consume();
  // Feeds the parser; false when more bytes are needed or the head was bad.
  bool Parse();
  bool OnHead();
  HttpRequest MakeRequest() const;
  void Dispatch();
  void OnParseError(ErrorCode error);

  void Pump();
  // From now on what is held has one write timeout in all to leave.
  void Hurry();
  void WriteSome();
  void OnWrote(ErrorCode error, size_t bytes);
  void OnAnswered(bool keep_alive);

  // Answers before or instead of a handler, then ends the connection.
  void Refuse(HttpResponse response);
  // Sends FIN, then reads on for a moment: closing with unread bytes would
  // reset the connection and destroy the answer on its way.
  void Linger();
  void Close();

  void Guard(Wait what);
  void OnDeadline(Wait what);

  const std::shared_ptr<HttpServerState> state_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer write_deadline_;
  boost::asio::steady_timer end_deadline_;
  std::string peer_;

  std::string chunk_;  // where a read lands
  std::string inbox_;  // read and not yet parsed
  std::unique_ptr<Parser> parser_;
  HttpRequest head_;  // valid once head_checked_
  bool head_checked_ = false;
  Wait waiting_for_ = Wait::kNone;
  uint64_t guard_ = 0;

  std::shared_ptr<HttpOutbox> outbox_;  // of the request being answered
  std::string interim_;                 // "100 Continue"
  std::string writing_;
  size_t written_ = 0;
  bool reading_now_ = false;
  bool writing_now_ = false;
  bool writing_answer_ = false;
  bool hurrying_ = false;
  bool lingering_ = false;
  bool closed_ = false;
};

}  // namespace sluice
