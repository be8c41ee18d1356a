#include "services/generator/engine/load_board.h"

namespace sluice::generator {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void RateWindow::Add(int64_t count, Nanos now) {
  const uint64_t second = static_cast<uint64_t>(now / kNanosPerSecond);
  std::atomic<uint64_t>& slot = slots_[second % slots_.size()];
  const uint64_t old = slot.load(kRelaxed);
  const uint64_t base = (old >> 32) == second ? old : second << 32;
  slot.store(base + static_cast<uint64_t>(count), kRelaxed);
}

double RateWindow::PerSecond(Nanos now) const {
  const uint64_t second = static_cast<uint64_t>(now / kNanosPerSecond);
  int64_t sum = 0;
  for (const std::atomic<uint64_t>& slot : slots_) {
    const uint64_t value = slot.load(kRelaxed);
    const uint64_t age = second - (value >> 32);
    if (age >= 1 && age <= kSeconds) {
      sum += static_cast<int64_t>(value & 0xffffffff);
    }
  }
  return static_cast<double>(sum) / kSeconds;
}

void LoadBoard::Publish(const LoadSnapshot& load) {
  queued_requests_.store(load.queued_requests, kRelaxed);
  running_requests_.store(load.running_requests, kRelaxed);
  running_sequences_.store(load.running_sequences, kRelaxed);
  paused_requests_.store(load.paused_requests, kRelaxed);
  blocks_total_.store(load.blocks.total, kRelaxed);
  blocks_free_.store(load.blocks.free, kRelaxed);
  blocks_active_.store(load.blocks.active, kRelaxed);
  blocks_cached_.store(load.blocks.cached, kRelaxed);
  outstanding_tokens_.store(load.outstanding_tokens, kRelaxed);
  preemptions_.store(load.preemptions, kRelaxed);
  last_step_.store(load.last_step, kRelaxed);
  busy_.store(load.busy, kRelaxed);
}

LoadSnapshot LoadBoard::Read() const {
  LoadSnapshot load;
  load.queued_requests = queued_requests_.load(kRelaxed);
  load.running_requests = running_requests_.load(kRelaxed);
  load.running_sequences = running_sequences_.load(kRelaxed);
  load.paused_requests = paused_requests_.load(kRelaxed);
  load.blocks.total = blocks_total_.load(kRelaxed);
  load.blocks.free = blocks_free_.load(kRelaxed);
  load.blocks.active = blocks_active_.load(kRelaxed);
  load.blocks.cached = blocks_cached_.load(kRelaxed);
  load.outstanding_tokens = outstanding_tokens_.load(kRelaxed);
  load.preemptions = preemptions_.load(kRelaxed);
  load.last_step = last_step_.load(kRelaxed);
  load.busy = busy_.load(kRelaxed);
  return load;
}

}  // namespace sluice::generator
