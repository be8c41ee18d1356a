#include "services/generator/kernels/thread_pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>

namespace sluice::generator::kernels {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

void FutexWait(std::atomic<uint32_t>& word, uint32_t old) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE,
          old, nullptr, nullptr, 0);
}

void FutexWakeAll(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE,
          INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

void Gate::Wait(uint32_t old, Patience& patience) {
  const int turns = patience.turns();
  for (int turn = 0; turn < turns; ++turn) {
    if (value_.load(std::memory_order_acquire) != old) {
      patience.SpinningPaid(turn);
      return;
    }
    _mm_pause();
  }
  const auto start = std::chrono::steady_clock::now();
  // Announced before the kernel compares the value: either Advance sees the
  // sleeper or the kernel sees the new value.
  sleepers_.fetch_add(1);
  while (value_.load() == old) FutexWait(value_, old);
  sleepers_.fetch_sub(1);
  patience.SleptFor(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - start)
          .count());
}

void Gate::Advance() {
  value_.fetch_add(1);
  if (sleepers_.load() > 0) FutexWakeAll(value_);
}

ThreadPool::ThreadPool(const ThreadPoolOptions& options) : options_(options) {
  options_.threads = std::max(1, options_.threads);
  for (int i = 0; i < options_.threads; ++i) {
    slots_.push_back(std::make_unique<Slot>(options_.spin_turns));
  }
  threads_.reserve(options_.threads - 1);
  for (int i = 1; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] { Loop(i); });
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  jobs_.Advance();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::RunErased(JobFn job, const void* context) {
  job_ = job;
  context_ = context;
  jobs_.Advance();
  Worker worker(this, 0);
  job(context, worker);
  Barrier(0);
}

void ThreadPool::Loop(int index) {
  Worker worker(this, index);
  for (uint32_t seen = 0;; ++seen) {
    jobs_.Wait(seen, slots_[index]->job);
    if (stop_) return;
    job_(context_, worker);
    Barrier(index);
  }
}

void ThreadPool::Barrier(int index) {
  const uint32_t generation = barrier_.value();
  if (arrived_.fetch_add(1) + 1 < options_.threads) {
    barrier_.Wait(generation, slots_[index]->barrier);
    return;
  }
  arrived_.store(0, std::memory_order_relaxed);
  barrier_.Advance();
}

}  // namespace sluice::generator::kernels
