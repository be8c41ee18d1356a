#include "bench/load/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace sluice::load {
namespace {

void Add(int epoll_fd, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  SLUICE_CHECK(::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0,
               "cannot watch a descriptor");
}

void Clear(int fd) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof(count));
}

}  // namespace

EventLoop::EventLoop(const Clock& clock) : clock_(clock) {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  timer_fd_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  SLUICE_CHECK(epoll_fd_ >= 0 && timer_fd_ >= 0 && wake_fd_ >= 0,
               "cannot make an event loop");
  Add(epoll_fd_, timer_fd_, EPOLLIN);
  Add(epoll_fd_, wake_fd_, EPOLLIN);
}

EventLoop::~EventLoop() {
  ::close(wake_fd_);
  ::close(timer_fd_);
  ::close(epoll_fd_);
}

EventLoop::TimerId EventLoop::At(Nanos due, Task task) {
  const TimerId id{due, ++last_timer_};
  timers_.emplace(id, std::move(task));
  return id;
}

void EventLoop::Forget(const TimerId& timer) { timers_.erase(timer); }

void EventLoop::Watch(int fd, uint32_t events,
                      std::function<void(uint32_t)> on_ready) {
  const bool fresh = watched_.emplace(fd, std::move(on_ready)).second;
  SLUICE_CHECK(fresh, "the descriptor is watched already");
  Add(epoll_fd_, fd, events);
}

void EventLoop::ChangeEvents(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  SLUICE_CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0,
               "cannot change what is watched");
}

void EventLoop::Unwatch(int fd) {
  watched_.erase(fd);
  SLUICE_CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr) == 0,
               "cannot forget a descriptor");
}

void EventLoop::Post(Task task) {
  {
    absl::MutexLock lock(&mutex_);
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  SLUICE_CHECK(::write(wake_fd_, &one, sizeof(one)) == sizeof(one),
               "cannot wake the event loop");
}

void EventLoop::Run() {
  stopped_ = false;
  std::array<epoll_event, 64> events;
  while (!stopped_) {
    ArmTimer();
    const int count = ::epoll_wait(epoll_fd_, events.data(),
                                   static_cast<int>(events.size()), -1);
    for (int i = 0; i < count && !stopped_; ++i) {
      const int fd = events[i].data.fd;
      if (fd == timer_fd_ || fd == wake_fd_) {
        Clear(fd);
        if (fd == timer_fd_) armed_for_ = 0;
        continue;
      }
      const auto found = watched_.find(fd);
      if (found == watched_.end()) continue;  // unwatched just now
      const auto on_ready = found->second;    // may unwatch itself
      on_ready(events[i].events);
    }
    RunPosted();
    RunTimers();
  }
  timers_.clear();
}

void EventLoop::ArmTimer() {
  if (timers_.empty()) return;
  const Nanos due = std::max<Nanos>(timers_.begin()->first.first, 1);
  if (armed_for_ != 0 && armed_for_ == due) return;
  armed_for_ = due;
  itimerspec when{};
  when.it_value.tv_sec = due / kNanosPerSecond;
  when.it_value.tv_nsec = due % kNanosPerSecond;
  SLUICE_CHECK(
      ::timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &when, nullptr) == 0,
      "cannot set a timer");
}

void EventLoop::RunTimers() {
  const Nanos now = clock_.Now();
  while (!stopped_ && !timers_.empty() && timers_.begin()->first.first <= now) {
    const Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

void EventLoop::RunPosted() {
  std::vector<Task> tasks;
  {
    absl::MutexLock lock(&mutex_);
    tasks.swap(posted_);
  }
  for (const Task& task : tasks) task();
}

}  // namespace sluice::load
