#include "common/http/http_outbox.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/http/http_error.h"

namespace sluice {

HttpOutbox::HttpOutbox(AnswerStyle style, int64_t max_bytes,
                       std::function<bool()> keep_alive_now,
                       std::function<void()> wake)
    : max_bytes_(max_bytes),
      keep_alive_now_(std::move(keep_alive_now)),
      wake_(std::move(wake)),
      style_(style) {}

void HttpOutbox::Begin(std::string head) { pending_ = std::move(head); }

void HttpOutbox::Respond(HttpResponse response) {
  const bool keep_alive = keep_alive_now_();
  {
    absl::MutexLock lock(&mutex_);
    if (over()) return;
    SLUICE_CHECK(phase_ == Phase::kWaiting, "one answer per exchange");
    style_.keep_alive = style_.keep_alive && keep_alive;
    Begin(SerializeResponse(response, style_));
    phase_ = Phase::kEnded;
  }
  wake_();
}

void HttpOutbox::BeginStream(HttpResponse head) {
  const bool keep_alive = keep_alive_now_();
  {
    absl::MutexLock lock(&mutex_);
    if (over()) return;
    SLUICE_CHECK(phase_ == Phase::kWaiting, "one answer per exchange");
    style_.keep_alive = style_.keep_alive && keep_alive && !style_.http_1_0;
    Begin(SerializeStreamHead(head, style_));
    if (!head.body.empty()) pending_ += SerializePiece(head.body, style_);
    phase_ = Phase::kStreaming;
  }
  wake_();
}

absl::Status HttpOutbox::Write(std::string_view piece) {
  {
    absl::MutexLock lock(&mutex_);
    if (over()) return absl::CancelledError("stream: the client is gone");
    SLUICE_CHECK(phase_ == Phase::kStreaming, "Write outside of a stream");
    if (piece.empty()) return absl::OkStatus();
    const int64_t wanted = held() + static_cast<int64_t>(piece.size());
    if (held() > 0 && wanted > max_bytes_) {
      refused_ = true;
      return absl::ResourceExhaustedError(
          absl::StrCat("stream: the reader is slow, got ", wanted,
                       " bytes to hold, limit ", max_bytes_));
    }
    pending_ += SerializePiece(piece, style_);
  }
  wake_();
  return absl::OkStatus();
}

void HttpOutbox::OnDrained(std::function<void()> callback) {
  absl::MutexLock lock(&mutex_);
  // Swapped, so that what the old one owns dies after the lock is released.
  if (!over()) on_drained_.swap(callback);
}

void HttpOutbox::End() {
  {
    absl::MutexLock lock(&mutex_);
    if (over()) return;
    SLUICE_CHECK(phase_ == Phase::kStreaming, "End outside of a stream");
    pending_ += SerializeStreamEnd(style_);
    phase_ = Phase::kEnded;
  }
  wake_();
}

void HttpOutbox::EndWith(std::string_view last) {
  {
    absl::MutexLock lock(&mutex_);
    if (over()) return;
    SLUICE_CHECK(phase_ == Phase::kStreaming, "EndWith outside of a stream");
    if (!last.empty()) pending_ += SerializePiece(last, style_);
    pending_ += SerializeStreamEnd(style_);
    phase_ = Phase::kEnded;
    hurried_ = true;
  }
  wake_();
}

void HttpOutbox::Abort() {
  {
    absl::MutexLock lock(&mutex_);
    if (over()) return;
    phase_ = Phase::kAborted;
    pending_.clear();
  }
  wake_();
}

void HttpOutbox::OnClosed(std::function<void()> callback) {
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kDone) return;
    if (phase_ != Phase::kClosed) {
      on_closed_.swap(callback);
      return;
    }
  }
  callback();
}

bool HttpOutbox::closed() const {
  absl::MutexLock lock(&mutex_);
  return phase_ == Phase::kClosed;
}

void HttpOutbox::Abandon() {
  bool unanswered = false;
  {
    absl::MutexLock lock(&mutex_);
    if (over() || phase_ == Phase::kEnded) return;
    unanswered = phase_ == Phase::kWaiting;
  }
  if (unanswered) {
    Respond(ErrorResponse(absl::InternalError("request: got no answer")));
  } else {
    Abort();
  }
}

HttpOutbox::Batch HttpOutbox::Take() {
  absl::MutexLock lock(&mutex_);
  Batch batch;
  batch.abort = phase_ == Phase::kAborted;
  batch.last = phase_ == Phase::kEnded;
  batch.keep_alive = style_.keep_alive;
  batch.bytes = std::exchange(pending_, {});
  writing_bytes_ = static_cast<int64_t>(batch.bytes.size());
  return batch;
}

bool HttpOutbox::hurried() const {
  absl::MutexLock lock(&mutex_);
  return hurried_;
}

void HttpOutbox::Wrote() {
  std::function<void()> drained;
  {
    absl::MutexLock lock(&mutex_);
    writing_bytes_ = 0;
    if (refused_ && held() <= max_bytes_ / 2 && !over()) {
      refused_ = false;
      drained = on_drained_;
    }
  }
  if (drained) drained();
}

void HttpOutbox::Done() {
  std::function<void()> drained;  // destroyed after the lock is released
  std::function<void()> closed;
  absl::MutexLock lock(&mutex_);
  phase_ = Phase::kDone;
  drained = std::move(on_drained_);
  closed = std::move(on_closed_);
}

void HttpOutbox::Closed() {
  bool own_doing = false;
  std::function<void()> drained;
  std::function<void()> closed;
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kDone || phase_ == Phase::kClosed) return;
    own_doing = phase_ == Phase::kAborted;
    phase_ = Phase::kClosed;
    pending_.clear();
    drained = std::move(on_drained_);
    closed = std::move(on_closed_);
  }
  if (closed && !own_doing) closed();
}

}  // namespace sluice
