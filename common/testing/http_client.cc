#include "common/testing/http_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice {
namespace {

absl::Status Broken(const char* what) {
  return absl::UnavailableError(absl::StrCat("http client: ", what, ", got \"",
                                             std::strerror(errno), "\""));
}

}  // namespace

std::string HttpReply::header(std::string_view name) const {
  const absl::string_view wanted(name.data(), name.size());
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, wanted)) return value;
  }
  return "";
}

HttpClient::HttpClient(int fd, Nanos timeout) : fd_(fd), timeout_(timeout) {}

HttpClient::~HttpClient() { Close(); }

HttpClient::HttpClient(HttpClient&& other) noexcept {
  *this = std::move(other);
}

HttpClient& HttpClient::operator=(HttpClient&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = std::exchange(other.fd_, -1);
  timeout_ = other.timeout_;
  inbox_ = std::move(other.inbox_);
  chunked_ = other.chunked_;
  body_done_ = other.body_done_;
  content_left_ = other.content_left_;
  sse_text_ = std::move(other.sse_text_);
  return *this;
}

absl::StatusOr<HttpClient> HttpClient::Connect(uint16_t port, Nanos timeout) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Broken("no socket");
  HttpClient client(fd, timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    return Broken("cannot connect");
  }
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return client;
}

absl::StatusOr<HttpReply> HttpClient::Call(std::string_view method,
                                           std::string_view path,
                                           std::string_view body,
                                           const HttpHeaders& headers) {
  RETURN_IF_ERROR(Send(method, path, body, headers));
  return ReadReply(/*to_head=*/method == "HEAD");
}

absl::Status HttpClient::Send(std::string_view method, std::string_view path,
                              std::string_view body,
                              const HttpHeaders& headers) {
  std::string text;
  text.append(method).append(" ").append(path).append(" HTTP/1.1\r\n");
  text.append("Host: localhost\r\n");
  for (const auto& [name, value] : headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!body.empty() || method == "POST") {
    absl::StrAppend(&text, "Content-Length: ", body.size(), "\r\n");
  }
  text.append("\r\n").append(body);
  return SendRaw(text);
}

absl::Status HttpClient::SendRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Broken("cannot send");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status HttpClient::Fill() {
  if (fd_ < 0) return absl::UnavailableError("http client: closed");
  pollfd watched{fd_, POLLIN, 0};
  const int ready =
      ::poll(&watched, 1, static_cast<int>(timeout_ / kNanosPerMilli));
  if (ready == 0) return absl::DeadlineExceededError("http client: no answer");
  char bytes[16384];
  const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
  if (got < 0) return Broken("cannot receive");
  if (got == 0) return absl::UnavailableError("http client: server closed");
  inbox_.append(bytes, static_cast<size_t>(got));
  return absl::OkStatus();
}

absl::StatusOr<std::string> HttpClient::ReadLine() {
  size_t end = 0;
  while ((end = inbox_.find("\r\n")) == std::string::npos) {
    RETURN_IF_ERROR(Fill());
  }
  std::string line = inbox_.substr(0, end);
  inbox_.erase(0, end + 2);
  return line;
}

absl::StatusOr<std::string> HttpClient::ReadBytes(size_t count) {
  while (inbox_.size() < count) RETURN_IF_ERROR(Fill());
  std::string bytes = inbox_.substr(0, count);
  inbox_.erase(0, count);
  return bytes;
}

absl::StatusOr<HttpReply> HttpClient::ReadHead() {
  HttpReply reply;
  ASSIGN_OR_RETURN(const std::string status_line, ReadLine());
  if (!status_line.starts_with("HTTP/1.1 ") ||
      !absl::SimpleAtoi(status_line.substr(9, 3), &reply.status)) {
    return absl::DataLossError("http client: bad status line " + status_line);
  }
  while (true) {
    ASSIGN_OR_RETURN(const std::string line, ReadLine());
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) {
      return absl::DataLossError("http client: bad header " + line);
    }
    reply.headers.emplace_back(
        line.substr(0, colon),
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  }
  chunked_ = reply.header("Transfer-Encoding") == "chunked";
  body_done_ = false;
  content_left_.reset();
  sse_text_.clear();
  int64_t length = 0;
  if (absl::SimpleAtoi(reply.header("Content-Length"), &length)) {
    content_left_ = length;
  } else if (reply.status < 200 || reply.status == 204 || reply.status == 304) {
    content_left_ = 0;
  }
  return reply;
}

absl::StatusOr<HttpReply> HttpClient::ReadReply(bool to_head) {
  ASSIGN_OR_RETURN(HttpReply reply, ReadHead());
  if (to_head) return reply;
  while (true) {
    ASSIGN_OR_RETURN(const std::string piece, ReadPiece());
    if (piece.empty()) return reply;
    reply.body += piece;
  }
}

absl::StatusOr<std::string> HttpClient::ReadPiece() {
  if (body_done_) return std::string();
  if (chunked_) {
    ASSIGN_OR_RETURN(const std::string size_line, ReadLine());
    uint64_t size = 0;
    if (!absl::SimpleHexAtoi(size_line, &size)) {
      return absl::DataLossError("http client: bad chunk size " + size_line);
    }
    ASSIGN_OR_RETURN(std::string piece, ReadBytes(size));
    ASSIGN_OR_RETURN(const std::string end, ReadLine());
    if (!end.empty()) return absl::DataLossError("http client: bad chunk end");
    body_done_ = size == 0;
    return piece;
  }
  if (content_left_) {
    body_done_ = true;
    return ReadBytes(static_cast<size_t>(*content_left_));
  }
  if (inbox_.empty()) {
    const absl::Status filled = Fill();
    if (absl::IsUnavailable(filled)) {
      body_done_ = true;
      return std::string();
    }
    RETURN_IF_ERROR(filled);
  }
  return std::exchange(inbox_, {});
}

absl::StatusOr<std::optional<SseFrame>> HttpClient::ReadEvent() {
  SseFrame frame;
  bool any = false;
  bool has_data = false;
  while (true) {
    const size_t end = sse_text_.find('\n');
    if (end == std::string::npos) {
      ASSIGN_OR_RETURN(const std::string piece, ReadPiece());
      if (piece.empty()) return std::optional<SseFrame>();
      sse_text_ += piece;
      continue;
    }
    const std::string line = sse_text_.substr(0, end);
    sse_text_.erase(0, end + 1);
    if (line.empty() && any) return std::optional<SseFrame>(frame);
    if (line.starts_with("event: ")) {
      frame.event = line.substr(7);
      any = true;
    } else if (line.starts_with("data: ") || line == "data:") {
      const std::string text = line.size() > 6 ? line.substr(6) : "";
      frame.data += has_data ? "\n" + text : text;
      has_data = true;
      any = true;
    }
  }
}

absl::Status HttpClient::WaitForClose() {
  while (true) {
    const absl::Status filled = Fill();
    if (absl::IsUnavailable(filled)) return absl::OkStatus();
    RETURN_IF_ERROR(filled);
  }
}

void HttpClient::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void HttpClient::Reset() {
  const linger at_once{1, 0};
  if (fd_ >= 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  Close();
}

}  // namespace sluice
