#pragma once

// One server stream of the callback API, measured.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "bench/load/call_watch.h"
#include "bench/load/event_loop.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"
#include "sluice/generator/v1/generator.grpc.pb.h"

namespace sluice::load {

struct CallSettings {
  int32_t timeout_ms = 0;                  // 0: no deadline
  int32_t bytes_per_second = 0;            // 0: reads as fast as it can
  std::function<void(CallRecord)> on_end;  // on the loop's thread
};

// Threads: the event loop's.
class OpenCall {
 public:
  virtual ~OpenCall() = default;
  virtual void Begin() = 0;
  virtual void Cancel(Cut reason) = 0;
};

// A message of a stream, told to the watch.
inline void Tell(const generator::v1::GenerateResponse& message, Nanos now,
                 CallWatch& watch) {
  if (message.has_started()) watch.OnStarted();
  if (message.has_delta()) {
    const auto& ids = message.delta().ids();
    watch.OnIds({ids.begin(), ids.end()}, now);
  }
  if (message.has_finished()) {
    const generator::v1::Usage& usage = message.finished().usage();
    watch.OnFinished({.prompt_tokens = usage.prompt_tokens(),
                      .cached_tokens = usage.cached_tokens(),
                      .generated_tokens = usage.generated_tokens()});
  }
}
template <typename GatewayMessage>
void Tell(const GatewayMessage& message, Nanos now, CallWatch& watch) {
  if (message.has_started()) watch.OnStarted();
  if (message.has_delta()) {
    watch.OnText(message.delta().text(), message.delta().tokens(), now);
  }
  if (message.has_finished()) {
    const generator::v1::Usage& usage = message.finished().usage();
    watch.OnFinished({.prompt_tokens = usage.prompt_tokens(),
                      .cached_tokens = usage.cached_tokens(),
                      .generated_tokens = usage.generated_tokens()});
  }
}

// Threads: Begin, Cancel and destruction the loop's; gRPC calls the reactions
// one after the other. It may be destroyed once `on_end` runs.
template <typename Request, typename Response>
class StreamCall final : public OpenCall,
                         public grpc::ClientReadReactor<Response> {
 public:
  using Starter = std::function<void(grpc::ClientContext*, const Request*,
                                     grpc::ClientReadReactor<Response>*)>;

  StreamCall(EventLoop& loop, CallSettings settings, CallWatch watch,
             Request request, Starter starter)
      : loop_(loop),
        settings_(std::move(settings)),
        request_(std::move(request)),
        starter_(std::move(starter)),
        watch_(std::move(watch)) {}

  void Begin() override {
    if (settings_.timeout_ms > 0) {
      SetTimeout(context_, settings_.timeout_ms * kNanosPerMilli);
    }
    {
      absl::MutexLock lock(&mutex_);  // publishes what the constructor wrote
      starter_(&context_, &request_, this);
    }
    // A slow reader reads from the loop's thread too.
    if (settings_.bytes_per_second > 0) this->AddHold();
    this->StartRead(&message_);
    this->StartCall();
  }

  void Cancel(Cut reason) override {
    if (cut_ == Cut::kNone) cut_ = reason;
    context_.TryCancel();
    if (pause_.second == 0) return;
    loop_.Forget(pause_);
    pause_ = {};
    this->StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      if (Slow()) this->RemoveHold();
      return;
    }
    const Nanos resume_at = Take();
    if (resume_at == 0) {
      this->StartRead(&message_);
      return;
    }
    loop_.Post([this, resume_at] { PauseUntil(resume_at); });
  }

  void OnDone(const grpc::Status& status) override {
    const Nanos now = loop_.Now();
    loop_.Post([this, now, status = FromGrpcStatus(status)] {
      const auto on_end = settings_.on_end;  // destroys this
      on_end(TakeRecord(status, now));
    });
  }

 private:
  bool Slow() {
    absl::MutexLock lock(&mutex_);
    return settings_.bytes_per_second > 0;
  }

  // Returns when a slow reader is done with the message; 0: it is not slow.
  Nanos Take() {
    absl::MutexLock lock(&mutex_);
    const Nanos now = loop_.Now();
    Tell(message_, now, watch_);
    if (settings_.bytes_per_second == 0) return 0;
    const auto bytes = static_cast<Nanos>(message_.ByteSizeLong());
    return now + bytes * kNanosPerSecond / settings_.bytes_per_second;
  }

  CallRecord TakeRecord(const absl::Status& status, Nanos now) {
    absl::MutexLock lock(&mutex_);
    return watch_.End(status, cut_, now);
  }

  void PauseUntil(Nanos due) {
    if (cut_ != Cut::kNone) {
      this->StartRead(&message_);
      return;
    }
    pause_ = loop_.At(due, [this] {
      pause_ = {};
      this->StartRead(&message_);
    });
  }

  EventLoop& loop_;
  const CallSettings settings_;
  const Request request_;
  const Starter starter_;
  grpc::ClientContext context_;
  // gRPC orders the reactions, but shows no sanitizer how; never contended.
  absl::Mutex mutex_;
  CallWatch watch_ ABSL_GUARDED_BY(mutex_);
  Response message_;  // gRPC's while a read is under way
  // The loop's thread only.
  Cut cut_ = Cut::kNone;
  EventLoop::TimerId pause_{};
};

}  // namespace sluice::load
