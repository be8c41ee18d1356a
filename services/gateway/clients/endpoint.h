#pragma once

// One address of another service: watches its health, asks it what it serves
// once it is healthy, comes back after a pause when either fails.

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/telemetry/log.h"
#include "grpcpp/channel.h"
#include "services/gateway/clients/outstanding.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

// Shared with the gRPC calls that it makes. Threads: any.
class Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  // `kind` is a literal for the log. `clock` and `log` must outlive it.
  Endpoint(std::string_view kind, std::string address,
           const ChannelOptions& channel, const Clock& clock, Logger& log);
  virtual ~Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Starts what is due: call it a few times a second.
  void Tick();
  // Ends the watch and what it asks; returns when no call of its own runs.
  // REQUIRES: not on a gRPC thread.
  void Stop();

  const std::string& address() const { return address_; }
  bool ready() const;

 protected:
  // Asks what is served and keeps the answer; calls Probed exactly once.
  virtual void Probe() = 0;
  void Probed(const absl::Status& status);
  // The call that Stop has to cancel.
  void KeepCall(std::shared_ptr<Call> call);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::shared_ptr<Outstanding>& outstanding() const {
    return outstanding_;
  }
  const Clock& clock() const { return clock_; }

 private:
  void StartWatch();
  void OnHealthChange(bool serving);
  void OnWatchEnd(const absl::Status& status);
  void RetryLater() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !watching_ && !probing_;
  }

  const std::string_view kind_;
  const std::string address_;
  const Clock& clock_;
  Logger& log_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::shared_ptr<Outstanding> outstanding_;

  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool probing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  Nanos retry_at_ ABSL_GUARDED_BY(mutex_) = 0;
  Nanos pause_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<Call> watch_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Call> call_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
