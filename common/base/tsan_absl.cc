// Only in ThreadSanitizer builds. Debian's abseil is not instrumented, so the
// sanitizer cannot see that absl::Mutex orders anything and reports every
// guarded field. The linker sends our calls through here (--wrap, for each
// __wrap_ below); each tells the sanitizer what the call orders.
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

extern "C" {

void __real__ZN4absl7debian35Mutex4LockEv(Mutex* mutex);
void __wrap__ZN4absl7debian35Mutex4LockEv(Mutex* mutex) {
  return Ordered(nullptr, mutex,
                 [&] { return __real__ZN4absl7debian35Mutex4LockEv(mutex); });
}

void __real__ZN4absl7debian35Mutex6UnlockEv(Mutex* mutex);
void __wrap__ZN4absl7debian35Mutex6UnlockEv(Mutex* mutex) {
  return Ordered(mutex, nullptr,
                 [&] { return __real__ZN4absl7debian35Mutex6UnlockEv(mutex); });
}

bool __real__ZN4absl7debian35Mutex7TryLockEv(Mutex* mutex);
bool __wrap__ZN4absl7debian35Mutex7TryLockEv(Mutex* mutex) {
  return Ordered(nullptr, mutex, [&] {
    return __real__ZN4absl7debian35Mutex7TryLockEv(mutex);
  });
}

void __real__ZN4absl7debian35Mutex10ReaderLockEv(Mutex* mutex);
void __wrap__ZN4absl7debian35Mutex10ReaderLockEv(Mutex* mutex) {
  return Ordered(nullptr, mutex, [&] {
    return __real__ZN4absl7debian35Mutex10ReaderLockEv(mutex);
  });
}

void __real__ZN4absl7debian35Mutex12ReaderUnlockEv(Mutex* mutex);
void __wrap__ZN4absl7debian35Mutex12ReaderUnlockEv(Mutex* mutex) {
  return Ordered(mutex, nullptr, [&] {
    return __real__ZN4absl7debian35Mutex12ReaderUnlockEv(mutex);
  });
}

void __real__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE(
    Mutex* mutex, const Condition& condition);
void __wrap__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE(
    Mutex* mutex, const Condition& condition) {
  return Ordered(nullptr, mutex, [&] {
    return __real__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE(mutex,
                                                                    condition);
  });
}

void __real__ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE(
    Mutex* mutex, const Condition& condition);
void __wrap__ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE(
    Mutex* mutex, const Condition& condition) {
  return Ordered(nullptr, mutex, [&] {
    return __real__ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE(
        mutex, condition);
  });
}

bool __real__ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE(
    Mutex* mutex, const Condition& condition, Duration timeout);
bool __wrap__ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE(
    Mutex* mutex, const Condition& condition, Duration timeout) {
  return Ordered(nullptr, mutex, [&] {
    return __real__ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE(
        mutex, condition, timeout);
  });
}

void __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(
    Mutex* mutex, const Condition& condition);
void __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(
    Mutex* mutex, const Condition& condition) {
  return Ordered(mutex, mutex, [&] {
    return __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mutex,
                                                                 condition);
  });
}

bool __real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
    Mutex* mutex, const Condition& condition, Duration timeout);
bool __wrap__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
    Mutex* mutex, const Condition& condition, Duration timeout) {
  return Ordered(mutex, mutex, [&] {
    return __real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
        mutex, condition, timeout);
  });
}

bool __real__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE(
    Mutex* mutex, const Condition& condition, absl::Time deadline);
bool __wrap__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE(
    Mutex* mutex, const Condition& condition, absl::Time deadline) {
  return Ordered(mutex, mutex, [&] {
    return __real__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE(
        mutex, condition, deadline);
  });
}

void __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(CondVar* variable,
                                                       Mutex* mutex);
void __wrap__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(CondVar* variable,
                                                       Mutex* mutex) {
  return Ordered(mutex, mutex, [&] {
    return __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(variable, mutex);
  });
}

bool __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(
    CondVar* variable, Mutex* mutex, Duration timeout);
bool __wrap__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(
    CondVar* variable, Mutex* mutex, Duration timeout) {
  return Ordered(mutex, mutex, [&] {
    return __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(
        variable, mutex, timeout);
  });
}

bool __real__ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE(
    CondVar* variable, Mutex* mutex, absl::Time deadline);
bool __wrap__ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE(
    CondVar* variable, Mutex* mutex, absl::Time deadline) {
  return Ordered(mutex, mutex, [&] {
    return __real__ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE(
        variable, mutex, deadline);
  });
}

void __real__ZN4absl7debian312Notification6NotifyEv(Notification* notification);
void __wrap__ZN4absl7debian312Notification6NotifyEv(
    Notification* notification) {
  return Ordered(FlagOf(notification), nullptr, [&] {
    return __real__ZN4absl7debian312Notification6NotifyEv(notification);
  });
}

void __real__ZNK4absl7debian312Notification19WaitForNotificationEv(
    const Notification* notification);
void __wrap__ZNK4absl7debian312Notification19WaitForNotificationEv(
    const Notification* notification) {
  return Ordered(nullptr, FlagOf(notification), [&] {
    return __real__ZNK4absl7debian312Notification19WaitForNotificationEv(
        notification);
  });
}

bool __real__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
    const Notification* notification, Duration timeout);
bool __wrap__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
    const Notification* notification, Duration timeout) {
  return Ordered(nullptr, FlagOf(notification), [&] {
    return __real__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
        notification, timeout);
  });
}

}  // extern "C"
