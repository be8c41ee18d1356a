// Only in ThreadSanitizer builds. Debian's abseil is not instrumented, so the
// sanitizer cannot see that absl::Mutex orders anything and reports every
// guarded field. Each function here tells it what one call orders, for our
// calls and for those of gRPC, whose own locks are absl::Mutex.
//
// A condition may be evaluated by whichever thread unlocks the mutex, inside
// uninstrumented code that holds it: reads are ignored for that long.

#include <sanitizer/tsan_interface.h>

#include <cstdint>

#include "common/base/tsan_interpose.h"

extern "C" {

void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);

// Interceptors called by uninstrumented libraries (gRPC, abseil) see only half
// of what orders their accesses.
const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1";
}

}  // extern "C"

namespace sluice::tsan {

// Stand-ins for abseil's types, as the calling convention sees them.
struct Condition;
struct CondVar;
struct Mutex;
struct Notification;
struct Duration {
  int64_t high;
  uint32_t low;
};
using Time = Duration;
constexpr int kMutexBytes = 8;

namespace {

// Runs `call`, which gives up `held` (if any) and takes `taken` (if any).
template <typename Call>
auto Ordered(void* held, void* taken, Call call) {
  if (held != nullptr) __tsan_release(held);
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  struct Finish {
    void* taken;
    ~Finish() {
      AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
      if (taken != nullptr) __tsan_acquire(taken);
    }
  } finish{taken};
  return call();
}

// Where HasBeenNotified, which is inline, looks: behind the mutex.
void* FlagOf(const Notification* notification) {
  return const_cast<char*>(reinterpret_cast<const char*>(notification)) +
         kMutexBytes;
}

}  // namespace

#define MUTEX "_ZN4absl7debian35Mutex"
#define CONDVAR "_ZN4absl7debian37CondVar"
#define NOTIFICATION "4absl7debian312Notification"

SLUICE_INTERPOSE(void, Lock, MUTEX "4LockEv", (Mutex * mutex)) {
  return Ordered(nullptr, mutex, [&] { return RealLock()(mutex); });
}

SLUICE_INTERPOSE(void, Unlock, MUTEX "6UnlockEv", (Mutex * mutex)) {
  return Ordered(mutex, nullptr, [&] { return RealUnlock()(mutex); });
}

SLUICE_INTERPOSE(bool, TryLock, MUTEX "7TryLockEv", (Mutex * mutex)) {
  return Ordered(nullptr, mutex, [&] { return RealTryLock()(mutex); });
}

SLUICE_INTERPOSE(void, ReaderLock, MUTEX "10ReaderLockEv", (Mutex * mutex)) {
  return Ordered(nullptr, mutex, [&] { return RealReaderLock()(mutex); });
}

SLUICE_INTERPOSE(void, ReaderUnlock, MUTEX "12ReaderUnlockEv",
                 (Mutex * mutex)) {
  return Ordered(mutex, nullptr, [&] { return RealReaderUnlock()(mutex); });
}

SLUICE_INTERPOSE(void, LockWhen, MUTEX "8LockWhenERKNS0_9ConditionE",
                 (Mutex * mutex, const Condition& condition)) {
  return Ordered(nullptr, mutex,
                 [&] { return RealLockWhen()(mutex, condition); });
}

SLUICE_INTERPOSE(void, ReaderLockWhen,
                 MUTEX "14ReaderLockWhenERKNS0_9ConditionE",
                 (Mutex * mutex, const Condition& condition)) {
  return Ordered(nullptr, mutex,
                 [&] { return RealReaderLockWhen()(mutex, condition); });
}

SLUICE_INTERPOSE(bool, LockWhenWithTimeout,
                 MUTEX "19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                 (Mutex * mutex, const Condition& condition,
                  Duration timeout)) {
  return Ordered(nullptr, mutex, [&] {
    return RealLockWhenWithTimeout()(mutex, condition, timeout);
  });
}

SLUICE_INTERPOSE(void, Await, MUTEX "5AwaitERKNS0_9ConditionE",
                 (Mutex * mutex, const Condition& condition)) {
  return Ordered(mutex, mutex, [&] { return RealAwait()(mutex, condition); });
}

SLUICE_INTERPOSE(bool, AwaitWithTimeout,
                 MUTEX "16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                 (Mutex * mutex, const Condition& condition,
                  Duration timeout)) {
  return Ordered(mutex, mutex, [&] {
    return RealAwaitWithTimeout()(mutex, condition, timeout);
  });
}

SLUICE_INTERPOSE(bool, AwaitWithDeadline,
                 MUTEX "17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE",
                 (Mutex * mutex, const Condition& condition, Time deadline)) {
  return Ordered(mutex, mutex, [&] {
    return RealAwaitWithDeadline()(mutex, condition, deadline);
  });
}

SLUICE_INTERPOSE(void, Wait, CONDVAR "4WaitEPNS0_5MutexE",
                 (CondVar * variable, Mutex* mutex)) {
  return Ordered(mutex, mutex, [&] { return RealWait()(variable, mutex); });
}

SLUICE_INTERPOSE(bool, WaitWithTimeout,
                 CONDVAR "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE",
                 (CondVar * variable, Mutex* mutex, Duration timeout)) {
  return Ordered(mutex, mutex, [&] {
    return RealWaitWithTimeout()(variable, mutex, timeout);
  });
}

SLUICE_INTERPOSE(bool, WaitWithDeadline,
                 CONDVAR "16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE",
                 (CondVar * variable, Mutex* mutex, Time deadline)) {
  return Ordered(mutex, mutex, [&] {
    return RealWaitWithDeadline()(variable, mutex, deadline);
  });
}

SLUICE_INTERPOSE(void, Notify, "_ZN" NOTIFICATION "6NotifyEv",
                 (Notification * notification)) {
  return Ordered(FlagOf(notification), nullptr,
                 [&] { return RealNotify()(notification); });
}

SLUICE_INTERPOSE(void, WaitForNotification,
                 "_ZNK" NOTIFICATION "19WaitForNotificationEv",
                 (const Notification* notification)) {
  return Ordered(nullptr, FlagOf(notification),
                 [&] { return RealWaitForNotification()(notification); });
}

SLUICE_INTERPOSE(bool, WaitForNotificationWithTimeout,
                 "_ZNK" NOTIFICATION
                 "30WaitForNotificationWithTimeoutENS0_8DurationE",
                 (const Notification* notification, Duration timeout)) {
  return Ordered(nullptr, FlagOf(notification), [&] {
    return RealWaitForNotificationWithTimeout()(notification, timeout);
  });
}

}  // namespace sluice::tsan
