#include "common/http/http_connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/http/http_error.h"

namespace sluice {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

constexpr size_t kReadBytes = 4 << 10;
// How much may wait unparsed: requests behind the one being answered, or the
// size line of a chunk. Beyond, reading pauses or the request is refused.
constexpr size_t kMaxInboxBytes = 64 << 10;
constexpr int32_t kLingerMs = 2'000;

// Finds peers that vanished without a word: 10 s of silence, 2 probes.
void SetSocketOptions(tcp::socket& socket, int max_unsent_bytes) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int fd = socket.native_handle();
  const int idle_s = 10;
  const int interval_s = 5;
  const int probes = 2;
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
  // The kernel would take megabytes for a reader that takes none.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &max_unsent_bytes,
               sizeof(max_unsent_bytes));
}

std::string PeerOf(const tcp::socket& socket) {
  boost::system::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return "unknown";
  return absl::StrCat(peer.address().to_string(), ":", peer.port());
}

std::string Text(boost::beast::string_view view) {
  return std::string(view.data(), view.size());
}

HttpResponse ParseErrorResponse(boost::system::error_code error,
                                const HttpServerOptions& options) {
  if (error == http::error::header_limit) {
    return ErrorResponse(431, absl::InvalidArgumentError(absl::StrCat(
                                  "headers: too large, limit ",
                                  options.max_header_bytes, " bytes")));
  }
  if (error == http::error::body_limit) {
    return ErrorResponse(
        413, absl::InvalidArgumentError(absl::StrCat(
                 "body: too large, limit ", options.max_body_bytes, " bytes")));
  }
  if (error == http::error::bad_version) {
    return ErrorResponse(505, absl::UnimplementedError(
                                  "HTTP version: not supported, limit 1.1"));
  }
  return ErrorResponse(absl::InvalidArgumentError(
      absl::StrCat("request: malformed, got \"", error.message(), "\"")));
}

// What a handler holds.
class Exchange final : public HttpExchange {
 public:
  Exchange(HttpRequest request, std::shared_ptr<HttpOutbox> outbox)
      : request_(std::move(request)), outbox_(std::move(outbox)) {}
  ~Exchange() override { outbox_->Abandon(); }

  const HttpRequest& request() const override { return request_; }
  void Respond(HttpResponse response) override {
    outbox_->Respond(std::move(response));
  }
  void BeginStream(HttpResponse head) override {
    outbox_->BeginStream(std::move(head));
  }
  absl::Status Write(std::string_view piece) override {
    return outbox_->Write(piece);
  }
  void OnDrained(std::function<void()> callback) override {
    outbox_->OnDrained(std::move(callback));
  }
  void End() override { outbox_->End(); }
  void EndWith(std::string_view last) override { outbox_->EndWith(last); }
  void Abort() override { outbox_->Abort(); }
  void OnClosed(std::function<void()> callback) override {
    outbox_->OnClosed(std::move(callback));
  }
  bool closed() const override { return outbox_->closed(); }

 private:
  const HttpRequest request_;
  const std::shared_ptr<HttpOutbox> outbox_;
};

}  // namespace

void HttpServerState::Add(const std::shared_ptr<HttpConnection>& connection) {
  absl::MutexLock lock(&mutex_);
  connections_[connection.get()] = connection;
}

void HttpServerState::Remove(HttpConnection* connection) {
  absl::MutexLock lock(&mutex_);
  connections_.erase(connection);
}

std::vector<std::shared_ptr<HttpConnection>> HttpServerState::Connections()
    const {
  std::vector<std::shared_ptr<HttpConnection>> found;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, weak] : connections_) {
    if (auto connection = weak.lock()) found.push_back(std::move(connection));
  }
  return found;
}

int32_t HttpServerState::count() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int32_t>(connections_.size());
}

bool HttpServerState::WaitForNone(Nanos timeout) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(this, &HttpServerState::none),
                                 absl::Nanoseconds(timeout));
}

HttpConnection::HttpConnection(std::shared_ptr<HttpServerState> state,
                               tcp::socket socket)
    : state_(std::move(state)),
      socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      write_deadline_(socket_.get_executor()),
      end_deadline_(socket_.get_executor()),
      peer_(PeerOf(socket_)),
      chunk_(kReadBytes, '\0') {
  SetSocketOptions(socket_, state_->options.max_unsent_bytes);
}

void HttpConnection::Start(bool refuse) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), refuse] {
    self->Read();
    if (refuse) {
      self->Refuse(ErrorResponse(
          WithRetryDelay(absl::UnavailableError(absl::StrCat(
                             "connections: too many, limit ",
                             self->state_->options.max_connections)),
                         kNanosPerSecond)));
    } else {
      self->Guard(Wait::kIdle);
    }
  });
}

void HttpConnection::Drain() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->waiting_for_ == Wait::kIdle) self->Close();
  });
}

void HttpConnection::Cut() {
  asio::post(socket_.get_executor(),
             [self = shared_from_this()] { self->Close(); });
}

void HttpConnection::Read() {
  if (reading_now_ || closed_) return;
  if (outbox_ != nullptr && inbox_.size() >= kMaxInboxBytes) return;
  reading_now_ = true;
  socket_.async_read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](ErrorCode error, size_t bytes) {
        self->reading_now_ = false;
        self->OnRead(error, bytes);
      });
}

void HttpConnection::OnRead(ErrorCode error, size_t bytes) {
  if (closed_) return;
  if (error) {
    Close();
    return;
  }
  if (!lingering_) {
    inbox_.append(chunk_, 0, bytes);
    Consume();
  }
  Read();
}

void HttpConnection::Consume() {
  if (outbox_ != nullptr || lingering_ || closed_ || inbox_.empty()) return;
  if (parser_ == nullptr) {
    parser_ = std::make_unique<Parser>();
    parser_->eager(true);
    parser_->header_limit(
        static_cast<uint32_t>(state_->options.max_header_bytes));
    parser_->body_limit(static_cast<uint64_t>(state_->options.max_body_bytes));
    head_checked_ = false;
    Guard(Wait::kHeader);
  }
  if (Parse()) Dispatch();
}

bool HttpConnection::Parse() {
  ErrorCode error;
  while (!inbox_.empty() && !parser_->is_done()) {
    const size_t used = parser_->put(asio::buffer(inbox_), error);
    inbox_.erase(0, used);
    if (error == http::error::need_more) break;
    if (error) {
      OnParseError(error);
      return false;
    }
    if (used == 0) break;
  }
  if (parser_->is_header_done() && !head_checked_ && !OnHead()) return false;
  if (parser_->is_done()) return true;
  if (inbox_.size() > kMaxInboxBytes) OnParseError(http::error::bad_chunk);
  return false;
}

void HttpConnection::OnParseError(ErrorCode error) {
  Refuse(ParseErrorResponse(error, state_->options));
}

bool HttpConnection::OnHead() {
  head_checked_ = true;
  head_ = MakeRequest();
  HeadRules rules;
  rules.http_1_0 = parser_->get().version() < 11;
  rules.loopback_only = state_->loopback_only;
  if (std::optional<HttpResponse> refusal = RefuseHead(head_, rules)) {
    Refuse(*std::move(refusal));
    return false;
  }
  if (parser_->is_done()) return true;
  Guard(Wait::kBody);
  if (head_.header("Expect") && !rules.http_1_0) {
    interim_ = "HTTP/1.1 100 Continue\r\n\r\n";
    Pump();
  }
  return true;
}

HttpRequest HttpConnection::MakeRequest() const {
  const auto& message = parser_->get();
  HttpRequest request;
  request.method = Text(message.method_string());
  const std::string target = Text(message.target());
  const size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos)
    request.query = target.substr(question + 1);
  for (const auto& field : message) {
    request.headers.emplace_back(Text(field.name_string()),
                                 Text(field.value()));
  }
  request.peer = peer_;
  return request;
}

void HttpConnection::Dispatch() {
  Guard(Wait::kNone);
  AnswerStyle style;
  style.head_only = head_.method == "HEAD";
  style.http_1_0 = parser_->get().version() < 11;
  style.keep_alive = parser_->get().keep_alive();
  head_.body = std::move(parser_->get().body());
  parser_.reset();
  const std::weak_ptr<HttpConnection> weak = weak_from_this();
  outbox_ = std::make_shared<HttpOutbox>(
      style, state_->options.max_outbound_bytes,
      [state = state_] { return !state->draining; },
      // Weak, so that whoever keeps an exchange does not keep a connection.
      [weak] {
        const std::shared_ptr<HttpConnection> self = weak.lock();
        if (self == nullptr) return;
        asio::post(self->socket_.get_executor(), [weak] {
          if (const auto alive = weak.lock()) alive->Pump();
        });
      });
  const HttpHandler handler = state_->routes.Find(head_);
  handler(std::make_shared<Exchange>(std::exchange(head_, {}), outbox_));
}

void HttpConnection::Pump() {
  if (closed_) return;
  if (outbox_ != nullptr && outbox_->hurried()) Hurry();
  if (writing_now_) return;
  if (!interim_.empty()) {
    writing_ = std::exchange(interim_, {});
    writing_answer_ = false;
  } else {
    if (outbox_ == nullptr) return;
    HttpOutbox::Batch batch = outbox_->Take();
    if (batch.abort) {
      Close();
      return;
    }
    if (batch.bytes.empty()) {
      if (batch.last) OnAnswered(batch.keep_alive);
      return;
    }
    writing_ = std::move(batch.bytes);
    writing_answer_ = true;
  }
  written_ = 0;
  writing_now_ = true;
  WriteSome();
}

void HttpConnection::Hurry() {
  if (hurrying_) return;
  hurrying_ = true;
  end_deadline_.expires_after(
      std::chrono::milliseconds(state_->options.write_timeout_ms));
  end_deadline_.async_wait([self = shared_from_this()](ErrorCode error) {
    const bool passed =
        self->end_deadline_.expiry() <= std::chrono::steady_clock::now();
    if (!error && passed && self->hurrying_) self->Close();
  });
}

void HttpConnection::WriteSome() {
  write_deadline_.expires_after(
      std::chrono::milliseconds(state_->options.write_timeout_ms));
  write_deadline_.async_wait([self = shared_from_this()](ErrorCode error) {
    const bool passed =
        self->write_deadline_.expiry() <= std::chrono::steady_clock::now();
    if (!error && passed && self->writing_now_) self->Close();
  });
  socket_.async_write_some(
      asio::buffer(writing_.data() + written_, writing_.size() - written_),
      [self = shared_from_this()](ErrorCode error, size_t bytes) {
        self->OnWrote(error, bytes);
      });
}

void HttpConnection::OnWrote(ErrorCode error, size_t bytes) {
  if (closed_) return;
  if (error) {
    Close();
    return;
  }
  written_ += bytes;
  if (written_ < writing_.size()) {
    WriteSome();
    return;
  }
  write_deadline_.cancel();
  writing_now_ = false;
  writing_.clear();
  if (writing_answer_ && outbox_ != nullptr) outbox_->Wrote();
  Pump();
}

void HttpConnection::OnAnswered(bool keep_alive) {
  hurrying_ = false;
  end_deadline_.cancel();
  outbox_->Done();
  outbox_.reset();
  if (!keep_alive || state_->draining) {
    Linger();
    return;
  }
  Guard(Wait::kIdle);
  Consume();
  Read();
}

void HttpConnection::Refuse(HttpResponse response) {
  parser_.reset();
  inbox_.clear();
  AnswerStyle style;
  style.keep_alive = false;
  outbox_ = std::make_shared<HttpOutbox>(
      style, state_->options.max_outbound_bytes, [] { return false; }, [] {});
  outbox_->Respond(std::move(response));
  Guard(Wait::kLinger);
  Pump();
}

void HttpConnection::Linger() {
  ErrorCode ignored;
  lingering_ = true;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  inbox_.clear();
  Guard(Wait::kLinger);
  Read();
}

void HttpConnection::Close() {
  if (closed_) return;
  closed_ = true;
  ErrorCode ignored;
  deadline_.cancel();
  write_deadline_.cancel();
  end_deadline_.cancel();
  socket_.close(ignored);
  if (outbox_ != nullptr) std::exchange(outbox_, nullptr)->Closed();
  state_->Remove(this);
}

void HttpConnection::Guard(Wait what) {
  waiting_for_ = what;
  const uint64_t mine = ++guard_;
  const HttpServerOptions& options = state_->options;
  int32_t timeout_ms = 0;
  switch (what) {
    case Wait::kNone:
      deadline_.cancel();
      return;
    case Wait::kIdle:
      timeout_ms = options.idle_timeout_ms;
      break;
    case Wait::kHeader:
      timeout_ms = options.header_timeout_ms;
      break;
    case Wait::kBody:
      timeout_ms = options.body_timeout_ms;
      break;
    case Wait::kLinger:
      timeout_ms = kLingerMs;
      break;
  }
  deadline_.expires_after(std::chrono::milliseconds(timeout_ms));
  deadline_.async_wait([self = shared_from_this(), mine](ErrorCode error) {
    if (!error && mine == self->guard_) self->OnDeadline(self->waiting_for_);
  });
}

void HttpConnection::OnDeadline(Wait what) {
  if (closed_) return;
  if (what != Wait::kHeader && what != Wait::kBody) {
    Close();
    return;
  }
  const bool header = what == Wait::kHeader;
  Refuse(ErrorResponse(
      408, absl::DeadlineExceededError(absl::StrCat(
               header ? "headers" : "body", ": did not arrive whole, limit ",
               header ? state_->options.header_timeout_ms
                      : state_->options.body_timeout_ms,
               " ms"))));
}

}  // namespace sluice
