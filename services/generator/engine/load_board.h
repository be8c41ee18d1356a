#pragma once

// How busy the engine is, written by its thread, read by anyone without a lock.

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/clock.h"
#include "services/generator/kv_cache/block_pool.h"

namespace sluice::generator {

struct LoadSnapshot {
  int32_t queued_requests = 0;
  int32_t running_requests = 0;
  int32_t running_sequences = 0;
  int32_t paused_requests = 0;
  BlockCounts blocks;
  int64_t outstanding_tokens = 0;  // prompt and output still owed
  int64_t preemptions = 0;         // since the start
  bool busy = false;               // a step runs or is due
  Nanos last_step = 0;             // end of the last step, 0: none yet
};

// Events a second over the last ten seconds. Threads: Add one, the rest any.
class RateWindow {
 public:
  void Add(int64_t count, Nanos now);
  double PerSecond(Nanos now) const;

 private:
  static constexpr int kSeconds = 10;
  // One slot a second: second in the upper half, count in the lower. One more
  // than is summed up, so that the second being filled can be left out.
  std::array<std::atomic<uint64_t>, kSeconds + 1> slots_ = {};
};

// Each field is consistent, all together are those of about one step.
// Threads: Publish and tokens().Add engine thread only, the rest any.
class LoadBoard {
 public:
  void Publish(const LoadSnapshot& load);
  LoadSnapshot Read() const;
  RateWindow& tokens() { return tokens_; }
  const RateWindow& tokens() const { return tokens_; }

 private:
  std::atomic<int32_t> queued_requests_ = 0;
  std::atomic<int32_t> running_requests_ = 0;
  std::atomic<int32_t> running_sequences_ = 0;
  std::atomic<int32_t> paused_requests_ = 0;
  std::atomic<int32_t> blocks_total_ = 0;
  std::atomic<int32_t> blocks_free_ = 0;
  std::atomic<int32_t> blocks_active_ = 0;
  std::atomic<int32_t> blocks_cached_ = 0;
  std::atomic<int64_t> outstanding_tokens_ = 0;
  std::atomic<int64_t> preemptions_ = 0;
  std::atomic<bool> busy_ = false;
  std::atomic<Nanos> last_step_ = 0;
  RateWindow tokens_;
};

}  // namespace sluice::generator
