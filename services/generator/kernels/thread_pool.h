#pragma once

// A team of threads that runs one job at a time together (SPMD): inside, work
// is claimed dynamically and stages are separated by barriers. Waiting spins
// about as long as it lately paid, then sleeps in the kernel: an idle pool uses
// no CPU, and a thread that lost its core does not make the others burn theirs.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace sluice::generator::kernels {

struct ThreadPoolOptions {
  int threads = 1;  // the caller of Run is one of them
  // Turns of the waiting loop (tens of nanoseconds each) before sleeping, at
  // most.
  int spin_turns = 2000;
};

// How long one thread spins: a few times what waits that spinning ended took
// lately. A wait that ended soon after the thread went to sleep says to spin
// longer, a long one says that the core is better given away.
class Patience {
 public:
  explicit Patience(int most_turns)
      : most_turns_(most_turns), typical_(most_turns / kMargin) {}

  int turns() const {
    return std::min(most_turns_, typical_ * kMargin + kLeastTurns);
  }
  void SpinningPaid(int turns) { typical_ += (turns - typical_) / kMemory; }
  void SleptFor(int64_t nanos) {
    const int wanted = nanos < kSoonNanos ? most_turns_ / kMargin : 0;
    typical_ += (wanted - typical_) / kMemory;
  }

 private:
  static constexpr int kMargin = 2;
  static constexpr int kMemory = 8;
  static constexpr int kLeastTurns = 50;
  // About what falling asleep and being woken takes.
  static constexpr int64_t kSoonNanos = 20'000;

  int most_turns_;
  int typical_;
};

// A counter that threads wait on. Threads: any.
class Gate {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }
  // Returns once the value differs from `old`.
  void Wait(uint32_t old, Patience& patience);
  // Changes the value and wakes who sleeps.
  void Advance();

 private:
  alignas(64) std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

// Threads: Run by one thread at a time.
class ThreadPool {
 public:
  // One thread's view of the running job.
  class Worker {
   public:
    int index() const { return index_; }  // 0 is the caller of Run
    int threads() const { return pool_->threads(); }

    // Covers [0, count) with calls body(begin, end) of at most `grain` and
    // returns on every thread once all of it is done.
    // REQUIRES: every worker makes the same calls in the same order.
    template <typename Body>
    void For(int64_t count, int64_t grain, const Body& body) {
      for (;;) {
        const int64_t begin = pool_->Claim(grain);
        if (begin >= count) break;
        body(begin, std::min(count, begin + grain));
      }
      pool_->Barrier(index_);
    }

   private:
    friend class ThreadPool;
    Worker(ThreadPool* pool, int index) : pool_(pool), index_(index) {}

    ThreadPool* pool_;
    int index_;
  };

  explicit ThreadPool(const ThreadPoolOptions& options);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int threads() const { return options_.threads; }

  // Calls job(worker) on every thread; returns when all have returned.
  template <typename Job>
  void Run(const Job& job) {
    RunErased(
        [](const void* context, Worker& worker) {
          (*static_cast<const Job*>(context))(worker);
        },
        &job);
  }

 private:
  using JobFn = void (*)(const void* context, Worker& worker);

  void RunErased(JobFn job, const void* context);
  void Loop(int index);
  int64_t Claim(int64_t grain) {
    return next_.fetch_add(grain, std::memory_order_relaxed);
  }
  void Barrier(int index);

  // Of one thread, on a line of its own.
  struct alignas(64) Waiting {
    explicit Waiting(int most_turns) : job(most_turns), barrier(most_turns) {}

    Patience job;
    Patience barrier;
  };

  ThreadPoolOptions options_;
  std::vector<Waiting> waiting_;
  // Written by the caller of Run before it advances jobs_.
  JobFn job_ = nullptr;
  const void* context_ = nullptr;
  bool stop_ = false;
  Gate jobs_;
  Gate barrier_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  std::vector<std::thread> threads_;
};

}  // namespace sluice::generator::kernels
