#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "common/concurrency/mailbox.h"
#include "common/concurrency/named_thread.h"
#include "common/concurrency/stop_signal.h"

namespace sluice {
namespace {

constexpr Nanos kLong = 60 * kNanosPerSecond;

TEST(NamedThread, CarriesItsNameAndIsJoinedByItsDestructor) {
  std::atomic<bool> ran = false;
  char name[16] = {};
  {
    NamedThread thread("a-name-that-is-too-long", [&] {
      ::pthread_getname_np(::pthread_self(), name, sizeof(name));
      ran = true;
    });
  }
  EXPECT_TRUE(ran);
  EXPECT_STREQ(name, "a-name-that-is-");
}

TEST(NamedThread, AssigningJoinsTheOldThread) {
  std::atomic<int> ended = 0;
  NamedThread thread("first", [&] { ++ended; });
  thread = NamedThread("second", [&] { ++ended; });
  EXPECT_GE(ended, 1);
  thread.Join();
  thread.Join();
  EXPECT_EQ(ended, 2);
}

TEST(StopSignal, TermEndsTheWait) {
  StopSignal stop;
  EXPECT_FALSE(stop.WaitFor(0));
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(stop.WaitFor(kLong));
  EXPECT_TRUE(stop.requested());
}

TEST(StopSignal, RequestEndsTheWaitAndIsNoSignal) {
  StopSignal stop;
  stop.Request();
  stop.Wait();
  ::kill(::getpid(), SIGINT);  // the first real one: must not end the process
  sigset_t pending;
  do {
    std::this_thread::yield();
    ASSERT_EQ(::sigpending(&pending), 0);
  } while (sigismember(&pending, SIGINT) == 1);
  EXPECT_TRUE(stop.requested());
}

TEST(StopSignal, HangupRunsItsCallbackAndStopsNothing) {
  Mailbox<int> told(4);
  StopSignal stop([&] { told.TryPush(1).IgnoreError(); });
  ::kill(::getpid(), SIGHUP);
  EXPECT_EQ(told.WaitAndDrain(kLong).size(), 1u);
  EXPECT_FALSE(stop.requested());
}

TEST(StopSignalDeathTest, SecondSignalEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StopSignal stop;
        ::kill(::getpid(), SIGTERM);
        stop.Wait();
        ::kill(::getpid(), SIGTERM);
        ::pause();
      },
      ::testing::ExitedWithCode(128 + SIGTERM), "");
}

}  // namespace
}  // namespace sluice
