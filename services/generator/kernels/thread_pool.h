#pragma once

// A team of threads that runs one job at a time together (SPMD): inside, stages
// are separated by barriers. Of a stage every thread has a share of its own,
// which it works through from the front, as the memory likes it; who is done
// takes from the shares of the others, so a slow or foreign-loaded core costs
// little. Waiting spins about as long as it lately paid, then sleeps in the
// kernel: an idle pool uses no CPU, and a thread that lost its core does not
// make the others burn theirs.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
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
    // returns on every thread once all of it is done. The shares lie one behind
    // the other.
    // REQUIRES: every worker makes the same calls in the same order.
    template <typename Body>
    void For(int64_t count, int64_t grain, const Body& body) {
      Claims claims(*this, count);
      for (Share share; claims.Next(grain, share);) {
        const int64_t base = FirstOf(share.owner, count, threads());
        body(base + share.begin, base + share.end);
      }
      pool_->Barrier(index_);
    }

    // Calls body(i) for each i in [0, count), in the order of the numbers where
    // no thread is behind: what takes longest should come first.
    // REQUIRES: as For.
    template <typename Body>
    void ForEach(int64_t count, const Body& body) {
      Claims claims(*this, count);
      for (Share share; claims.Next(1, share);) {
        body(share.begin * threads() + share.owner);
      }
      pool_->Barrier(index_);
    }

   private:
    friend class ThreadPool;
    // Numbers [begin, end) of the share of thread `owner`.
    struct Share {
      int owner = 0;
      int64_t begin = 0;
      int64_t end = 0;
    };
    // What is left of a stage, this thread's share first.
    class Claims {
     public:
      Claims(Worker& worker, int64_t count)
          : pool_(worker.pool_),
            set_(pool_->BeginStage(worker.index_)),
            count_(count),
            owner_(worker.index_) {}

      bool Next(int64_t grain, Share& share) {
        const int threads = pool_->threads();
        for (; tried_ < threads; ++tried_) {
          const int64_t size = SizeOf(owner_, count_, threads);
          const int64_t begin = pool_->Claim(owner_, set_, size, grain);
          if (begin < size) {
            share = {owner_, begin, std::min(size, begin + grain)};
            return true;
          }
          owner_ = owner_ + 1 == threads ? 0 : owner_ + 1;
        }
        return false;
      }

     private:
      ThreadPool* pool_;
      int set_;
      int64_t count_;
      int owner_;
      int tried_ = 0;  // shares found empty
    };

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

  // Of one thread, on lines of its own.
  struct alignas(64) Slot {
    explicit Slot(int most_turns) : job(most_turns), barrier(most_turns) {}

    Patience job;
    Patience barrier;
    int stages = 0;
    // What is claimed of its share. Stages take turns with the two: the other
    // one is set to zero while nobody uses it.
    alignas(64) std::atomic<int64_t> claimed[2] = {0, 0};
  };

  // How much of [0, count) is the share of a thread.
  static int64_t SizeOf(int index, int64_t count, int threads) {
    return count / threads + (index < count % threads ? 1 : 0);
  }
  static int64_t FirstOf(int index, int64_t count, int threads) {
    return count / threads * index + std::min<int64_t>(index, count % threads);
  }

  void RunErased(JobFn job, const void* context);
  void Loop(int index);
  // Returns which of the counters this stage uses.
  int BeginStage(int index) {
    Slot& slot = *slots_[index];
    const int set = slot.stages++ % 2;
    slot.claimed[1 - set].store(0, std::memory_order_relaxed);
    return set;
  }
  // The first number that is now the caller's, or `size` or more.
  int64_t Claim(int owner, int set, int64_t size, int64_t grain) {
    std::atomic<int64_t>& claimed = slots_[owner]->claimed[set];
    // Only looked at, the line of a finished share stays shared.
    const int64_t seen = claimed.load(std::memory_order_relaxed);
    if (seen >= size) return seen;
    return claimed.fetch_add(grain, std::memory_order_relaxed);
  }
  void Barrier(int index);

  ThreadPoolOptions options_;
  std::vector<std::unique_ptr<Slot>> slots_;
  // Written by the caller of Run before it advances jobs_.
  JobFn job_ = nullptr;
  const void* context_ = nullptr;
  bool stop_ = false;
  Gate jobs_;
  Gate barrier_;
  alignas(64) std::atomic<int> arrived_{0};
  std::vector<std::thread> threads_;
};

}  // namespace sluice::generator::kernels
