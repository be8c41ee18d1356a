#include "services/gateway/clients/generator_client.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/error_info.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "services/gateway/clients/connection_error.h"
#include "services/gateway/clients/generator_events.h"

namespace sluice::gateway {
namespace {

namespace pb = generator::v1;

// Tells the gate what one request learns about the queue.
// Threads: one at a time.
class QueueWatch {
 public:
  // Keeps the time instead of a clock, which it may outlive.
  QueueWatch(std::shared_ptr<QueueGate> gate, Nanos sent_at)
      : gate_(std::move(gate)), sent_at_(sent_at) {}

  void OnEvent(const GeneratorEvent& event) {
    if (std::holds_alternative<api::Queued>(event)) {
      waits_ = true;
    } else if (!left_) {
      left_ = true;
      gate_->OnLeftQueue(/*waited=*/waits_);
    }
  }

  void OnEnd(const absl::Status& end) {
    if (left_) return;
    if (waits_) return gate_->OnLeftQueue(/*waited=*/true);
    if (ReasonOf(end) != std::string(kReasonQueueFull)) return;
    gate_->OnFull(sent_at_, RetryDelayOf(end).value_or(0));
  }

 private:
  const std::shared_ptr<QueueGate> gate_;
  const Nanos sent_at_;
  bool waits_ = false;
  bool left_ = false;
};

// One Generate call. Lives until gRPC is done with it and nobody reads it.
// A hold keeps OnDone from coming between two reads.
class Stream final : public grpc::ClientReadReactor<pb::GenerateResponse>,
                     public GeneratorStream {
 public:
  Stream(std::shared_ptr<pb::GeneratorService::Stub> stub,
         std::shared_ptr<Outstanding> outstanding, QueueWatch watch)
      : stub_(std::move(stub)),
        outstanding_(std::move(outstanding)),
        watch_(std::move(watch)) {}

  // `self` is this; kept until OnDone.
  void Start(std::shared_ptr<Stream> self, const Attempt& attempt,
             Nanos timeout) {
    self_ = std::move(self);
    outstanding_->Add();
    SetTimeout(context_, timeout);
    request_ = ToProto(attempt);
    stub_->async()->Generate(&context_, &request_, this);
    AddHold();
    StartCall();
  }

  void Read(GeneratorEventCallback done) override {
    {
      absl::MutexLock lock(&mutex_);
      if (held_) {
        std::swap(waiting_, done);
        reading_ = true;
      }
    }
    // Still ours: the stream has been cancelled.
    if (done != nullptr) return done(absl::CancelledError("it was cancelled"));
    StartRead(&response_);
  }

  void Cancel() override {
    context_.TryCancel();
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      release = held_ && !reading_;
      if (release) held_ = false;
    }
    if (release) RemoveHold();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return ReleaseHold();
    auto event = FromProto(response_);
    if (event.ok() && event->has_value()) watch_.OnEvent(**event);
    if (event.ok() && !event->has_value()) return StartRead(&response_);
    GeneratorEventCallback done;
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      done = std::exchange(waiting_, nullptr);
      release = cancelled_ && held_;
      if (release) held_ = false;
    }
    if (release) RemoveHold();
    done(std::move(event));
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Stream> self = std::move(self_);
    outstanding_->Remove();
    const absl::Status end = FromGrpcStatus(status);
    watch_.OnEnd(end);
    GeneratorEventCallback done;
    {
      absl::MutexLock lock(&mutex_);
      done = std::exchange(waiting_, nullptr);
    }
    if (done == nullptr) return;
    if (!end.ok()) return done(WithoutConnectionDetails(end));
    done(std::optional<GeneratorEvent>());
  }

 private:
  void ReleaseHold() {
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      if (!held_) return;
      held_ = false;
    }
    RemoveHold();
  }

  const std::shared_ptr<pb::GeneratorService::Stub> stub_;
  const std::shared_ptr<Outstanding> outstanding_;
  QueueWatch watch_;  // used by one reaction at a time
  std::shared_ptr<Stream> self_;
  grpc::ClientContext context_;
  pb::GenerateRequest request_;
  pb::GenerateResponse response_;

  absl::Mutex mutex_;
  GeneratorEventCallback waiting_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace

GeneratorClient::GeneratorClient(std::shared_ptr<grpc::Channel> channel,
                                 const Clock& clock,
                                 std::shared_ptr<Outstanding> outstanding,
                                 std::shared_ptr<QueueGate> gate)
    : stub_(pb::GeneratorService::NewStub(channel)),
      clock_(clock),
      outstanding_(std::move(outstanding)),
      gate_(std::move(gate)) {}

std::shared_ptr<GeneratorStream> GeneratorClient::Generate(Attempt attempt) {
  auto stream = std::make_shared<Stream>(stub_, outstanding_,
                                         QueueWatch(gate_, clock_.Now()));
  stream->Start(stream, attempt, attempt.deadline - clock_.Now());
  return stream;
}

}  // namespace sluice::gateway
