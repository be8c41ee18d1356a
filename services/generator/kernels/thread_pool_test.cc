#include "services/generator/kernels/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::generator::kernels {
namespace {

TEST(Patience, FollowsTheWaitsThatSpinningEnded) {
  Patience patience(2000);
  EXPECT_EQ(patience.turns(), 2000);
  for (int i = 0; i < 100; ++i) patience.SpinningPaid(10);
  EXPECT_LT(patience.turns(), 100);
  for (int i = 0; i < 100; ++i) patience.SpinningPaid(500);
  EXPECT_GT(patience.turns(), 900);
  EXPECT_LT(patience.turns(), 1100);
}

TEST(Patience, LongSleepsEndItAndShortOnesBringItBack) {
  Patience patience(2000);
  for (int i = 0; i < 100; ++i) patience.SleptFor(4'000'000);
  EXPECT_GT(patience.turns(), 0);
  EXPECT_LT(patience.turns(), 100);
  for (int i = 0; i < 100; ++i) patience.SleptFor(5'000);
  EXPECT_GT(patience.turns(), 1900);
  Patience none(0);
  none.SleptFor(1);
  EXPECT_EQ(none.turns(), 0);
}

TEST(ThreadPool, ForCoversEveryIndexOnceWhateverTheGrain) {
  for (int threads : {1, 2, 3, 7}) {
    ThreadPool pool({.threads = threads});
    for (int64_t grain : {1, 3, 100}) {
      std::vector<int> hits(57, 0);
      pool.Run([&](ThreadPool::Worker& worker) {
        worker.For(57, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LE(end - begin, grain);
          for (int64_t i = begin; i < end; ++i) ++hits[i];
        });
      });
      EXPECT_EQ(hits, std::vector<int>(57, 1)) << threads << " " << grain;
    }
  }
}

TEST(ThreadPool, ForEachCoversEveryIndexOnce) {
  for (int threads : {1, 2, 3, 7}) {
    ThreadPool pool({.threads = threads});
    for (int64_t count : {0, 1, 5, 58}) {
      std::vector<int> hits(count, 0);
      pool.Run([&](ThreadPool::Worker& worker) {
        for (int stage = 0; stage < 3; ++stage) {
          worker.ForEach(count, [&](int64_t i) { ++hits[i]; });
        }
      });
      EXPECT_EQ(hits, std::vector<int>(count, 3)) << threads;
    }
  }
}

// The share of a thread that does not come is done by the others, in whole.
TEST(ThreadPool, OthersTakeTheShareOfAThreadThatIsHeldUp) {
  ThreadPool pool({.threads = 4});
  for (const bool each : {false, true}) {
    std::vector<int> by(64, -1);
    std::atomic<int> done{0};
    pool.Run([&](ThreadPool::Worker& worker) {
      const auto body = [&](int64_t i) {
        by[i] = worker.index();
        ++done;
      };
      if (worker.index() == 2) {
        while (done.load() < 64) std::this_thread::yield();
      }
      if (each) {
        worker.ForEach(64, body);
      } else {
        worker.For(64, 1, [&](int64_t begin, int64_t) { body(begin); });
      }
    });
    EXPECT_EQ(std::count(by.begin(), by.end(), -1), 0);
    EXPECT_EQ(std::count(by.begin(), by.end(), 2), 0);
  }
}

// A thread meets its own share in order and before that of any other.
TEST(ThreadPool, EachThreadBeginsWithItsOwnShareFromTheFront) {
  ThreadPool pool({.threads = 2});
  std::vector<std::vector<int64_t>> seen(2);
  std::atomic<int> begun{0};
  pool.Run([&](ThreadPool::Worker& worker) {
    worker.For(40, 1, [&](int64_t begin, int64_t) {
      std::vector<int64_t>& mine = seen[worker.index()];
      mine.push_back(begin);
      // Nobody goes on before both have begun.
      if (mine.size() == 1) ++begun;
      while (begun.load() < 2) std::this_thread::yield();
    });
  });
  EXPECT_EQ(seen[0].at(0), 0);
  EXPECT_EQ(seen[1].at(0), 20);
  for (int i = 0; i < 2; ++i) {
    const auto own = [i](int64_t at) { return (at >= 20) == (i == 1); };
    const auto other = std::find_if_not(seen[i].begin(), seen[i].end(), own);
    EXPECT_TRUE(std::none_of(other, seen[i].end(), own));
    EXPECT_TRUE(std::is_sorted(seen[i].begin(), other));
    EXPECT_TRUE(std::is_sorted(other, seen[i].end()));
  }
}

TEST(ThreadPool, EveryWorkerRunsTheJobOnce) {
  ThreadPool pool({.threads = 4});
  std::vector<int> calls(4, 0);
  for (int run = 0; run < 10; ++run) {
    pool.Run([&](ThreadPool::Worker& worker) { ++calls[worker.index()]; });
  }
  EXPECT_EQ(calls, std::vector<int>(4, 10));
}

// A stage reads what another thread may have written in the stage before: the
// oracle is the same recurrence on one thread.
TEST(ThreadPool, AStageSeesAllOfTheStageBefore) {
  constexpr int kSize = 64;
  constexpr int kStages = 200;
  std::vector<int64_t> expected(kSize);
  std::iota(expected.begin(), expected.end(), 0);
  for (int stage = 0; stage < kStages; ++stage) {
    std::vector<int64_t> next(kSize);
    for (int i = 0; i < kSize; ++i) {
      next[i] = (expected[i] * 3 + expected[(i + 17) % kSize]) % 1000003;
    }
    expected = next;
  }
  for (int spin_turns : {0, 50}) {
    ThreadPool pool({.threads = 4, .spin_turns = spin_turns});
    std::vector<int64_t> a(kSize), b(kSize);
    std::iota(a.begin(), a.end(), 0);
    pool.Run([&](ThreadPool::Worker& worker) {
      for (int stage = 0; stage < kStages; ++stage) {
        const auto& from = stage % 2 == 0 ? a : b;
        auto& to = stage % 2 == 0 ? b : a;
        worker.For(kSize, 2, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            to[i] = (from[i] * 3 + from[(i + 17) % kSize]) % 1000003;
          }
        });
      }
    });
    EXPECT_EQ(kStages % 2 == 0 ? a : b, expected);
  }
}

TEST(ThreadPool, ManyShortRunsNeverLoseAWakeUp) {
  ThreadPool pool({.threads = 4, .spin_turns = 0});
  int64_t total = 0;
  std::vector<int64_t> parts(4);
  for (int run = 0; run < 3000; ++run) {
    pool.Run([&](ThreadPool::Worker& worker) { parts[worker.index()] = run; });
    for (int64_t part : parts) total += part;
  }
  EXPECT_EQ(total, int64_t{4} * 2999 * 3000 / 2);
}

// How many threads of this process run or want to.
int RunnableThreads() {
  int runnable = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "stat");
    std::string id, name, state;
    file >> id >> name >> state;
    runnable += state == "R" ? 1 : 0;
  }
  return runnable;
}

TEST(ThreadPool, AnIdlePoolSleepsInTheKernel) {
  ThreadPool pool({.threads = 4});
  pool.Run([](ThreadPool::Worker&) {});
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (RunnableThreads() > 1 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(RunnableThreads(), 1);  // this one
}

TEST(ThreadPool, FewerThanOneThreadIsTheCallerAlone) {
  ThreadPool pool({.threads = 0});
  EXPECT_EQ(pool.threads(), 1);
  int calls = 0;
  pool.Run([&](ThreadPool::Worker&) { ++calls; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace sluice::generator::kernels
