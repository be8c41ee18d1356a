#include "common/concurrency/ticker.h"

#include <utility>

#include "absl/time/time.h"

namespace sluice {

Ticker::Ticker(Nanos period, std::function<void()> tick)
    : period_(period),
      tick_(std::move(tick)),
      thread_("ticker", [this] { Run(); }) {}

Ticker::~Ticker() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.Join();
}

void Ticker::Run() {
  while (true) {
    tick_();
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopped_),
                                absl::Nanoseconds(period_))) {
      return;
    }
  }
}

}  // namespace sluice
