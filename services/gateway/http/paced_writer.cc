#include "services/gateway/http/paced_writer.h"

#include <utility>

namespace sluice::gateway {

PacedWriter::PacedWriter(std::shared_ptr<HttpExchange> http)
    : http_(std::move(http)) {}

void PacedWriter::Listen() {
  // Weak: the exchange that this holds must not hold it back.
  http_->OnDrained([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Wake();
  });
}

void PacedWriter::Write(std::string piece, Done done) {
  piece_ = std::move(piece);
  done_ = std::move(done);
  {
    absl::MutexLock lock(&mutex_);
    state_ = State::kWriting;
  }
  Attempt();
}

void PacedWriter::Attempt() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      drained_ = false;
    }
    absl::Status status = http_->Write(piece_);
    {
      absl::MutexLock lock(&mutex_);
      if (absl::IsResourceExhausted(status)) {
        // Room may have come between the refusal and this line.
        if (drained_) continue;
        if (!given_up_) {
          state_ = State::kWaiting;
          return;
        }
        status = absl::CancelledError("stream: given up");
      }
      state_ = State::kIdle;
    }
    const Done done = std::exchange(done_, nullptr);
    return done(std::move(status));
  }
}

void PacedWriter::Wake() {
  {
    absl::MutexLock lock(&mutex_);
    drained_ = true;
    if (state_ != State::kWaiting) return;
    state_ = State::kWriting;
  }
  Attempt();
}

void PacedWriter::GiveUp() {
  {
    absl::MutexLock lock(&mutex_);
    given_up_ = true;
  }
  Wake();
}

}  // namespace sluice::gateway
