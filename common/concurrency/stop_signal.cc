#include "common/concurrency/stop_signal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "absl/time/time.h"
#include "common/base/check.h"

namespace sluice {
namespace {

sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

StopSignal::StopSignal(std::function<void()> on_hangup)
    : on_hangup_(std::move(on_hangup)) {
  const sigset_t signals = WatchedSignals();
  SLUICE_CHECK(::pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0,
               "cannot block signals");
  ::signal(SIGPIPE, SIG_IGN);
  signal_fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC);
  SLUICE_CHECK(signal_fd_ >= 0 && wake_fd_ >= 0, "cannot watch signals");
  thread_ = NamedThread("signals", [this] { ReadSignals(); });
}

StopSignal::~StopSignal() {
  const uint64_t one = 1;
  SLUICE_CHECK(::write(wake_fd_, &one, sizeof(one)) == sizeof(one),
               "cannot end the signal thread");
  thread_.Join();
  ::close(signal_fd_);
  ::close(wake_fd_);
}

void StopSignal::ReadSignals() {
  pollfd watched[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  while (true) {
    if (::poll(watched, 2, -1) < 0) continue;  // EINTR
    if (watched[1].revents != 0) return;
    signalfd_siginfo info;
    if (::read(signal_fd_, &info, sizeof(info)) != sizeof(info)) continue;
    if (info.ssi_signo == SIGHUP) {
      if (on_hangup_) on_hangup_();
    } else {
      OnStopSignal(static_cast<int>(info.ssi_signo));
    }
  }
}

void StopSignal::OnStopSignal(int signal) {
  absl::MutexLock lock(&mutex_);
  if (signalled_) ::_exit(128 + signal);
  signalled_ = true;
  requested_ = true;
}

void StopSignal::Wait() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&requested_));
}

bool StopSignal::WaitFor(Nanos timeout) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&requested_),
                                 absl::Nanoseconds(timeout));
}

void StopSignal::Request() {
  absl::MutexLock lock(&mutex_);
  requested_ = true;
}

bool StopSignal::requested() const {
  absl::MutexLock lock(&mutex_);
  return requested_;
}

}  // namespace sluice
