// Only in ThreadSanitizer builds. Debian's abseil is not instrumented, so the
// sanitizer cannot see that absl::Mutex orders anything and reports every
// guarded field. The linker sends our calls of the functions in
// tsan_symbols.txt through here (--wrap); each tells the sanitizer what the
// call orders.
//
// A condition may be evaluated by whichever thread unlocks the mutex, inside
// uninstrumented code that holds it: reads are ignored for that long.

#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {

void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);

// Interceptors called by uninstrumented libraries (gRPC, abseil) see only half
// of what orders their accesses.
const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1";
}

// gRPC's own objects, whose order is kept inside its library. Not more: a
// suppression by "race:" also hides what runs below such a frame.
const char* __tsan_default_suppressions() {
  return "race_top:grpc::internal::\n"
         "race_top:grpcpp/\n"
         "race:grpc::internal::CallOp\n"
         "race:grpc::internal::InterceptorBatchMethodsImpl\n"
         "race:grpc::internal::CallbackWithSuccessTag::Set\n"
         "race:Impl::CallOnDone\n";
}

}  // extern "C"

namespace {

using absl::Condition;
using absl::CondVar;
using absl::Duration;
using absl::Mutex;
using absl::Notification;

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
         sizeof(Mutex);
}

}  // namespace

// Defines what the linker puts in the place of the function `symbol`; the true
// one is then known as Real##name.
#define WRAPPED(result, name, symbol, parameters)            \
  result Real##name parameters __asm__("__real_" symbol);    \
  result Wrapped##name parameters __asm__("__wrap_" symbol); \
  result Wrapped##name parameters

#define MUTEX "_ZN4absl7debian35Mutex"
#define CONDVAR "_ZN4absl7debian37CondVar"
#define NOTIFICATION "4absl7debian312Notification"

WRAPPED(void, Lock, MUTEX "4LockEv", (Mutex * mutex)) {
  return Ordered(nullptr, mutex, [&] { return RealLock(mutex); });
}

WRAPPED(void, Unlock, MUTEX "6UnlockEv", (Mutex * mutex)) {
  return Ordered(mutex, nullptr, [&] { return RealUnlock(mutex); });
}

WRAPPED(bool, TryLock, MUTEX "7TryLockEv", (Mutex * mutex)) {
  return Ordered(nullptr, mutex, [&] { return RealTryLock(mutex); });
}

WRAPPED(void, ReaderLock, MUTEX "10ReaderLockEv", (Mutex * mutex)) {
  return Ordered(nullptr, mutex, [&] { return RealReaderLock(mutex); });
}

WRAPPED(void, ReaderUnlock, MUTEX "12ReaderUnlockEv", (Mutex * mutex)) {
  return Ordered(mutex, nullptr, [&] { return RealReaderUnlock(mutex); });
}

WRAPPED(void, LockWhen, MUTEX "8LockWhenERKNS0_9ConditionE",
        (Mutex * mutex, const Condition& condition)) {
  return Ordered(nullptr, mutex,
                 [&] { return RealLockWhen(mutex, condition); });
}

WRAPPED(void, ReaderLockWhen, MUTEX "14ReaderLockWhenERKNS0_9ConditionE",
        (Mutex * mutex, const Condition& condition)) {
  return Ordered(nullptr, mutex,
                 [&] { return RealReaderLockWhen(mutex, condition); });
}

WRAPPED(bool, LockWhenWithTimeout,
        MUTEX "19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
        (Mutex * mutex, const Condition& condition, Duration timeout)) {
  return Ordered(nullptr, mutex, [&] {
    return RealLockWhenWithTimeout(mutex, condition, timeout);
  });
}

WRAPPED(void, Await, MUTEX "5AwaitERKNS0_9ConditionE",
        (Mutex * mutex, const Condition& condition)) {
  return Ordered(mutex, mutex, [&] { return RealAwait(mutex, condition); });
}

WRAPPED(bool, AwaitWithTimeout,
        MUTEX "16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
        (Mutex * mutex, const Condition& condition, Duration timeout)) {
  return Ordered(mutex, mutex, [&] {
    return RealAwaitWithTimeout(mutex, condition, timeout);
  });
}

WRAPPED(bool, AwaitWithDeadline,
        MUTEX "17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE",
        (Mutex * mutex, const Condition& condition, absl::Time deadline)) {
  return Ordered(mutex, mutex, [&] {
    return RealAwaitWithDeadline(mutex, condition, deadline);
  });
}

WRAPPED(void, Wait, CONDVAR "4WaitEPNS0_5MutexE",
        (CondVar * variable, Mutex* mutex)) {
  return Ordered(mutex, mutex, [&] { return RealWait(variable, mutex); });
}

WRAPPED(bool, WaitWithTimeout,
        CONDVAR "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE",
        (CondVar * variable, Mutex* mutex, Duration timeout)) {
  return Ordered(mutex, mutex,
                 [&] { return RealWaitWithTimeout(variable, mutex, timeout); });
}

WRAPPED(bool, WaitWithDeadline,
        CONDVAR "16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE",
        (CondVar * variable, Mutex* mutex, absl::Time deadline)) {
  return Ordered(mutex, mutex, [&] {
    return RealWaitWithDeadline(variable, mutex, deadline);
  });
}

WRAPPED(void, Notify, "_ZN" NOTIFICATION "6NotifyEv",
        (Notification * notification)) {
  return Ordered(FlagOf(notification), nullptr,
                 [&] { return RealNotify(notification); });
}

WRAPPED(void, WaitForNotification,
        "_ZNK" NOTIFICATION "19WaitForNotificationEv",
        (const Notification* notification)) {
  return Ordered(nullptr, FlagOf(notification),
                 [&] { return RealWaitForNotification(notification); });
}

WRAPPED(bool, WaitForNotificationWithTimeout,
        "_ZNK" NOTIFICATION "30WaitForNotificationWithTimeoutENS0_8DurationE",
        (const Notification* notification, Duration timeout)) {
  return Ordered(nullptr, FlagOf(notification), [&] {
    return RealWaitForNotificationWithTimeout(notification, timeout);
  });
}
