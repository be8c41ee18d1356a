#include "bench/load/http_transport.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "bench/load/http_call.h"
#include "common/base/error_info.h"

namespace sluice::load {
namespace {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

absl::StatusOr<Address> Resolve(const std::string& server) {
  const size_t colon = server.rfind(':');
  std::string host = server.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(
      host.c_str(), server.substr(colon + 1).c_str(), &wanted, &found);
  if (error != 0) {
    return FieldError("server", ::gai_strerror(error), server);
  }
  Address address;
  std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return address;
}

std::string BodyOf(const PlannedRequest& request) {
  nlohmann::ordered_json body;
  body["prompt"] = request.prompt;
  body["max_new_tokens"] = request.max_new_tokens;
  body["seed"] = request.seed;
  body["temperature"] = request.temperature;
  body["do_sample"] = request.temperature > 0;
  body["ignore_eos"] = request.ignore_eos;
  return body.dump();
}

// Idle, and not closed by the server meanwhile.
bool Usable(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(const TargetOptions& target, const Address& address,
                EventLoop& loop)
      : target_(target), address_(address), loop_(loop) {}
  ~HttpTransport() override {
    for (const int fd : idle_) ::close(fd);
  }

  void Start(const PlannedRequest& request, Nanos due, OnEnd on_end) override {
    const CallWatch watch(request, due, loop_.Now());
    const int64_t index = request.index;
    HttpCallSettings settings;
    settings.bytes_per_second =
        request.slow ? target_.slow_bytes_per_second : 0;
    settings.on_end = [this, index, on_end = std::move(on_end)](
                          CallRecord record, int reusable_fd) {
      if (reusable_fd >= 0) idle_.push_back(reusable_fd);
      calls_.erase(index);
      on_end(std::move(record));
    };
    const int fd = request.slow ? Connect(target_.slow_receive_buffer_bytes)
                                : TakeConnection();
    calls_[index] = std::make_unique<HttpCall>(loop_, fd, MessageOf(request),
                                               watch, std::move(settings));
    calls_[index]->Begin();
  }

  void Cancel(int64_t index, Cut reason) override {
    const auto found = calls_.find(index);
    if (found != calls_.end()) found->second->Cancel(reason);
  }

 private:
  std::string MessageOf(const PlannedRequest& request) const {
    const std::string body = BodyOf(request);
    return absl::StrCat(
        "POST /chat_stream HTTP/1.1\r\nHost: ", target_.server,
        "\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
        "Content-Length: ",
        body.size(), "\r\n\r\n", body);
  }

  int TakeConnection() {
    while (!idle_.empty()) {
      const int fd = idle_.back();
      idle_.pop_back();
      if (Usable(fd)) return fd;
      ::close(fd);
    }
    return Connect(/*receive_buffer_bytes=*/0);
  }

  // What goes wrong with the connection shows when the call uses it.
  int Connect(int32_t receive_buffer_bytes) const {
    const int fd = ::socket(address_.bytes.ss_family,
                            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return fd;
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (receive_buffer_bytes > 0) {
      // Before connecting, so that the window is never larger.
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof(receive_buffer_bytes));
    }
    [[maybe_unused]] const int connecting = ::connect(
        fd, reinterpret_cast<const sockaddr*>(&address_.bytes), address_.size);
    return fd;
  }

  const TargetOptions target_;
  const Address address_;
  EventLoop& loop_;
  std::vector<int> idle_;  // at most as many as were in flight at once
  absl::flat_hash_map<int64_t, std::unique_ptr<HttpCall>> calls_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> MakeHttpTransport(
    const TargetOptions& target, EventLoop& loop) {
  const absl::StatusOr<Address> address = Resolve(target.server);
  if (!address.ok()) return address.status();
  return std::make_unique<HttpTransport>(target, *address, loop);
}

}  // namespace sluice::load
