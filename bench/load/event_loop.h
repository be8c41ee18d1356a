#pragma once

// One thread that waits for sockets, times and other threads at once.

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"

namespace sluice::load {

// Threads: the one that calls Run; Post any.
class EventLoop {
 public:
  using Task = std::function<void()>;
  // Names a timer: when it is due, and which of those due then.
  using TimerId = std::pair<Nanos, uint64_t>;

  // `clock` tells CLOCK_MONOTONIC and outlives the loop.
  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Nanos Now() const { return clock_.Now(); }

  // Runs `task` once at `due`, or as soon as possible when that has passed.
  TimerId At(Nanos due, Task task);
  // Forgets a timer; one that has run or was forgotten is no error.
  void Forget(const TimerId& timer);

  // Runs `on_ready` with the epoll events each time one of `events` holds.
  // REQUIRES: `fd` is open and not watched.
  void Watch(int fd, uint32_t events, std::function<void(uint32_t)> on_ready);
  void ChangeEvents(int fd, uint32_t events);
  // Before `fd` is closed.
  void Unwatch(int fd);

  // Runs `task` on the loop's thread, in order.
  void Post(Task task);

  // Until Stop; timers that have not run by then are forgotten.
  void Run();
  void Stop() { stopped_ = true; }

 private:
  void ArmTimer();
  void RunTimers();
  void RunPosted();

  const Clock& clock_;
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
  int wake_fd_ = -1;
  bool stopped_ = false;
  uint64_t last_timer_ = 0;
  Nanos armed_for_ = 0;  // 0: for nothing
  std::map<TimerId, Task> timers_;
  absl::flat_hash_map<int, std::function<void(uint32_t)>> watched_;
  absl::Mutex mutex_;
  // Bounded by the calls in flight: each posts a fixed number of tasks.
  std::vector<Task> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::load
