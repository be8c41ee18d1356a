#include "bench/load/http_call.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_table.h"

namespace sluice::load {
namespace {

using Json = nlohmann::json;

constexpr int kHttpOk = 200;
constexpr size_t kReadBytes = 16384;
constexpr size_t kMaxErrorBytes = 4096;

// What ErrorJson made of a status; types stand for more than one code.
absl::Status StatusOfErrorEvent(std::string_view data) {
  const Json event = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  const Json error = event.is_object() ? event.value("error", Json()) : Json();
  const auto message = absl::string_view(data.data(), data.size());
  if (!error.is_object()) return absl::UnknownError(message);
  const auto type = error.find("type");
  absl::StatusCode code = absl::StatusCode::kUnknown;
  for (int i = 0; i <= 16 && type != error.end() && type->is_string(); ++i) {
    const auto candidate = static_cast<absl::StatusCode>(i);
    if (StatusRowOf(candidate).openai_type != *type) continue;
    code = candidate;
    break;
  }
  absl::Status status(code, message);
  const auto retry = error.find("retry_after_ms");
  if (retry == error.end() || !retry->is_number_integer()) return status;
  return WithRetryDelay(std::move(status),
                        retry->get<int64_t>() * kNanosPerMilli);
}

absl::Status SocketError(const char* what, int error) {
  return absl::UnavailableError(
      absl::StrCat("http: ", what, ": ", std::strerror(error)));
}

int32_t NumberOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer()
             ? found->get<int32_t>()
             : 0;
}

}  // namespace

HttpCall::HttpCall(EventLoop& loop, int fd, std::string request,
                   CallWatch watch, HttpCallSettings settings)
    : loop_(loop),
      fd_(fd),
      unsent_(std::move(request)),
      watch_(std::move(watch)),
      settings_(std::move(settings)),
      reader_([this](std::string_view bytes) { OnBody(bytes); }),
      events_([this](std::string_view name, std::string_view data) {
        OnEvent(name, data);
      }) {}

HttpCall::~HttpCall() {
  if (fd_ >= 0) ::close(fd_);
}

void HttpCall::Begin() {
  if (fd_ < 0) return End(absl::UnavailableError("http: no socket is left"));
  loop_.Watch(fd_, EPOLLOUT, [this](uint32_t) { OnReady(); });
  watched_ = true;
}

void HttpCall::Cancel(Cut reason) {
  End(absl::CancelledError("cancelled by the load generator"), reason);
}

void HttpCall::OnReady() { unsent_.empty() ? ReadAll() : Send(); }

void HttpCall::Send() {
  const ssize_t sent =
      ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return End(SocketError("cannot send", errno));
  unsent_.erase(0, static_cast<size_t>(sent));
  if (!unsent_.empty()) return;
  if (settings_.bytes_per_second == 0) {
    return loop_.ChangeEvents(fd_, EPOLLIN);
  }
  loop_.Unwatch(fd_);
  watched_ = false;
  ReadSlowly();
}

void HttpCall::ReadAll() {
  while (ReadSome(kReadBytes)) continue;
}

// Ten times a second, or less often where that would be under a byte.
void HttpCall::ReadSlowly() {
  const int32_t rate = settings_.bytes_per_second;
  const auto bytes = static_cast<size_t>(
      std::clamp<int64_t>(rate / 10, 1, static_cast<int64_t>(kReadBytes)));
  ReadSome(bytes);
  if (ended_) return;
  const Nanos pause = static_cast<Nanos>(bytes) * kNanosPerSecond / rate;
  next_read_ = loop_.At(loop_.Now() + pause, [this] { ReadSlowly(); });
}

bool HttpCall::ReadSome(size_t limit) {
  std::array<char, kReadBytes> bytes;
  const ssize_t got = ::recv(fd_, bytes.data(), limit, 0);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      End(SocketError("cannot receive", errno));
    }
    return false;
  }
  now_ = loop_.Now();
  const absl::Status read =
      got == 0 ? reader_.Close()
               : reader_.Feed({bytes.data(), static_cast<size_t>(got)});
  if (!read.ok()) {
    End(got == 0 ? absl::UnavailableError(read.message()) : read);
    return false;
  }
  if (!reader_.done()) return true;
  End(Outcome());
  return false;
}

void HttpCall::OnBody(std::string_view bytes) {
  if (reader_.status() == kHttpOk) return events_.Feed(bytes);
  error_body_.append(bytes.substr(
      0, kMaxErrorBytes - std::min(kMaxErrorBytes, error_body_.size())));
}

void HttpCall::OnEvent(std::string_view name, std::string_view data) {
  if (!stream_error_.ok()) watch_.Violate("an event after the error event");
  if (name == ":") {
    if (data == "started") watch_.OnStarted();
  } else if (name.empty()) {
    watch_.OnText(data, 0, now_);
  } else if (name == "text_json") {
    const Json text = Json::parse(data, nullptr, /*allow_exceptions=*/false);
    if (!text.is_string()) return watch_.Violate("text_json without a string");
    watch_.OnText(text.get_ref<const std::string&>(), 0, now_);
  } else if (name == "done") {
    OnDone(data);
  } else if (name == "error") {
    stream_error_ = StatusOfErrorEvent(data);
  }
}

void HttpCall::OnDone(std::string_view data) {
  const Json report = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  const auto usage = report.is_object() ? report.find("usage") : report.end();
  if (usage == report.end() || !usage->is_object()) {
    return watch_.Violate("done without usage");
  }
  watch_.OnFinished(
      {.prompt_tokens = NumberOf(*usage, "prompt_tokens"),
       .cached_tokens = NumberOf(*usage, "cached_tokens"),
       .generated_tokens = NumberOf(*usage, "completion_tokens")});
}

absl::Status HttpCall::Outcome() const {
  if (reader_.status() == kHttpOk) return stream_error_;
  absl::Status status(
      CodeOfHttpStatus(reader_.status()),
      absl::StrCat("http ", reader_.status(), ": ", error_body_));
  if (reader_.retry_after_s() < 0) return status;
  return WithRetryDelay(std::move(status),
                        reader_.retry_after_s() * kNanosPerSecond);
}

void HttpCall::End(const absl::Status& status, Cut cut) {
  if (ended_) return;
  ended_ = true;
  if (watched_) loop_.Unwatch(fd_);
  loop_.Forget(next_read_);
  const Nanos now = loop_.Now();
  if (reader_.done() && reader_.status() == kHttpOk && !events_.at_end()) {
    watch_.Violate("ended in the middle of an event");
  }
  const bool reusable =
      reader_.done() && reader_.reusable() && settings_.bytes_per_second == 0;
  const int kept = reusable ? std::exchange(fd_, -1) : -1;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  loop_.Post([this, kept, cut, now, status] {
    const auto on_end = settings_.on_end;  // destroys this
    on_end(watch_.End(status, cut, now), kept);
  });
}

}  // namespace sluice::load
