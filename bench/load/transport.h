#pragma once

#include <cstdint>
#include <functional>

#include "bench/load/call_watch.h"
#include "bench/load/workload.h"

namespace sluice::load {

// A way to make calls. Threads: the event loop's.
class Transport {
 public:
  using OnEnd = std::function<void(CallRecord)>;

  // REQUIRES: every call has ended.
  virtual ~Transport() = default;

  // Sends a request; `on_end` runs exactly once, later, on the loop's thread.
  // REQUIRES: no two calls in flight have the same index.
  virtual void Start(const PlannedRequest& request, Nanos due,
                     OnEnd on_end) = 0;
  // Ends a call early; does nothing when it has ended.
  virtual void Cancel(int64_t index, Cut reason) = 0;
};

}  // namespace sluice::load
