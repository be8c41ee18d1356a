#include "services/generator/service/generate_stream.h"

#include <optional>
#include <utility>

#include "common/rpc/status.h"
#include "services/generator/service/conversions.h"

namespace sluice::generator {

std::shared_ptr<GenerateStream> GenerateStream::Create(
    std::string fingerprint) {
  std::shared_ptr<GenerateStream> stream(
      new GenerateStream(std::move(fingerprint)));
  stream->self_ = stream;
  return stream;
}

void GenerateStream::Attach(std::shared_ptr<Outbox> outbox) {
  bool gone;
  {
    absl::MutexLock lock(&mutex_);
    outbox_ = outbox;
    gone = gone_;
  }
  if (gone) outbox->Cancel();
  // What the engine said before is in the outbox, unannounced.
  Advance();
}

void GenerateStream::Refuse(const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    finished_ = true;
  }
  Finish(ToGrpcStatus(status));
}

void GenerateStream::Advance() {
  std::optional<absl::Status> end;
  {
    absl::MutexLock lock(&mutex_);
    if (writing_ || finished_ || outbox_ == nullptr) return;
    if (gone_) {
      end = absl::CancelledError("request: cancelled");
      finished_ = true;
    } else {
      Outbox::Taken taken = outbox_->Take();
      if (taken.message.has_value()) {
        response_ = ToProto(*taken.message, fingerprint_);
        writing_ = true;
      } else if (taken.end.has_value()) {
        end = std::move(taken.end);
        finished_ = true;
      } else {
        return;
      }
    }
  }
  // Only the caller that set a flag gets here, so no lock is needed and none
  // is held while gRPC runs.
  if (end.has_value()) {
    Finish(ToGrpcStatus(*end));
  } else {
    StartWrite(&response_);
  }
}

void GenerateStream::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
  }
  if (!ok) GiveUp();
  Advance();
}

void GenerateStream::OnCancel() {
  GiveUp();
  Advance();
}

void GenerateStream::GiveUp() {
  std::shared_ptr<Outbox> outbox;
  {
    absl::MutexLock lock(&mutex_);
    if (gone_) return;
    gone_ = true;
    outbox = outbox_;
  }
  if (outbox != nullptr) outbox->Cancel();
}

void GenerateStream::OnDone() {
  const std::shared_ptr<GenerateStream> self = std::move(self_);
  absl::MutexLock lock(&mutex_);
  outbox_ = nullptr;
}

}  // namespace sluice::generator
