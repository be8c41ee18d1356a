#include "services/gateway/clients/endpoint.h"

#include <algorithm>
#include <utility>

#include "services/gateway/clients/health_watch.h"

namespace sluice::gateway {
namespace {

constexpr Nanos kFirstPause = 100 * kNanosPerMilli;
constexpr Nanos kLongestPause = 2 * kNanosPerSecond;

}  // namespace

Endpoint::Endpoint(std::string_view kind, std::string address,
                   const ChannelOptions& channel, const Clock& clock,
                   Logger& log)
    : kind_(kind),
      address_(std::move(address)),
      clock_(clock),
      log_(log),
      channel_(MakeChannel(address_, channel)),
      outstanding_(std::make_shared<Outstanding>()) {}

bool Endpoint::ready() const {
  absl::MutexLock lock(&mutex_);
  return ready_;
}

void Endpoint::Tick() {
  bool watch = false;
  bool probe = false;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_ || clock_.Now() < retry_at_) return;
    watch = !watching_ && !probing_;
    probe = serving_ && !ready_ && !probing_;
    if (watch) watching_ = true;
    if (probe) probing_ = true;
  }
  if (watch) StartWatch();
  if (probe) Probe();
}

void Endpoint::StartWatch() {
  const auto self = shared_from_this();
  std::shared_ptr<Call> watch = StartHealthWatch(
      channel_,
      {.on_change = [self](bool serving) { self->OnHealthChange(serving); },
       .on_end = [self](absl::Status status) { self->OnWatchEnd(status); }});
  bool stopped = false;
  {
    absl::MutexLock lock(&mutex_);
    stopped = stopped_;
    if (watching_) watch_ = watch;
  }
  if (stopped) watch->Cancel();
}

void Endpoint::OnHealthChange(bool serving) {
  bool probe = false;
  bool lost = false;
  {
    absl::MutexLock lock(&mutex_);
    lost = ready_ && !serving;
    serving_ = serving;
    if (!serving) ready_ = false;
    probe = serving && !ready_ && !probing_ && !stopped_;
    if (probe) probing_ = true;
  }
  if (lost) {
    log_.Warning("backend not serving",
                 {{"kind", kind_}, {"address", address_}});
  }
  if (probe) Probe();
}

void Endpoint::OnWatchEnd(const absl::Status& status) {
  bool lost = false;
  {
    absl::MutexLock lock(&mutex_);
    lost = ready_ && !stopped_;
    watching_ = false;
    serving_ = false;
    ready_ = false;
    watch_.reset();
    RetryLater();
  }
  if (!lost) return;
  log_.Warning("backend lost", {{"kind", kind_},
                                {"address", address_},
                                {"why", std::string(status.message())}});
}

void Endpoint::Probed(const absl::Status& status) {
  bool now_ready = false;
  {
    absl::MutexLock lock(&mutex_);
    probing_ = false;
    call_.reset();
    ready_ = status.ok() && serving_ && !stopped_;
    now_ready = ready_;
    if (ready_) {
      pause_ = 0;
    } else {
      RetryLater();
    }
  }
  if (now_ready) {
    log_.Info("backend ready", {{"kind", kind_}, {"address", address_}});
  } else if (!status.ok()) {
    log_.Warning("backend refused", {{"kind", kind_},
                                     {"address", address_},
                                     {"why", std::string(status.message())}});
  }
}

void Endpoint::KeepCall(std::shared_ptr<Call> call) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      if (probing_) call_ = std::move(call);
      return;
    }
  }
  call->Cancel();
}

void Endpoint::RetryLater() {
  pause_ = pause_ == 0 ? kFirstPause : std::min(2 * pause_, kLongestPause);
  retry_at_ = clock_.Now() + pause_;
}

void Endpoint::Stop() {
  std::shared_ptr<Call> watch;
  std::shared_ptr<Call> call;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    ready_ = false;
    watch = watch_;
    call = call_;
  }
  if (watch != nullptr) watch->Cancel();
  if (call != nullptr) call->Cancel();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &Endpoint::Idle));
}

}  // namespace sluice::gateway
