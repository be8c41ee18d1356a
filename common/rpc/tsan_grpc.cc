// Only in ThreadSanitizer builds. Debian's gRPC is not instrumented: what its
// locks order, tsan_absl.cc tells the sanitizer; what it hands from thread to
// thread through atomics and through sockets is told here, one object each:
//
//   an operation's tag   what came before the start of an operation comes
//                        before its callback
//   a queue's node       what came before Push comes before the Pop of it
//   a file's event       a closure that waits for it runs after both sides
//   a reference count    what held a call comes before its OnDone
//   a connection         what came before a send comes before the receipt
//
// Nothing else is ordered: our code in a callback still races with our code
// outside it unless gRPC or a lock of ours stands between them.

#include <sanitizer/tsan_interface.h>

#include <cstdint>

#include "common/base/tsan_interpose.h"
#include "grpc/impl/codegen/grpc_types.h"
#include "grpcpp/support/server_callback.h"

namespace sluice::tsan {

using CallbackCall = grpc::internal::ServerCallbackCall;
using Functor = grpc_completion_queue_functor;
using Reactor = grpc::internal::ServerReactor;
using Run = void (*)(Functor*, int);

// Stand-ins for types inside gRPC's core.
struct Closure;
struct Completion;
struct Event;
struct Node;
struct Queue;
struct Status;  // by value, which the calling convention makes an address

namespace {

// Tags of a plain completion queue may be small numbers.
bool IsAddress(void* tag) { return reinterpret_cast<uintptr_t>(tag) > 4095; }

// --- Callbacks -------------------------------------------------------------

// The few functions that callbacks of a program run, each with a substitute
// that first takes over from whoever ended the operation.
constexpr int kMaxRuns = 16;
Run runs[kMaxRuns];

template <int kIndex>
void TakeOverAndRun(Functor* functor, int ok) {
  functor->functor_run = runs[kIndex];
  __tsan_acquire(functor);
  functor->functor_run(functor, ok);
}

template <int kIndex>
Run SubstituteFrom(Run run) {
  if constexpr (kIndex == kMaxRuns) {
    __builtin_trap();
  } else {
    Run known = nullptr;
    const bool claimed = __atomic_compare_exchange_n(
        &runs[kIndex], &known, run, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (claimed || known == run) return &TakeOverAndRun<kIndex>;
    return SubstituteFrom<kIndex + 1>(run);
  }
}

}  // namespace

grpc_cq_completion_type CompletionType(grpc_completion_queue* queue) __asm__(
    "_Z27grpc_get_cq_completion_typeP21grpc_completion_queue");

SLUICE_INTERPOSE(bool, BeginOperation,
                 "_Z16grpc_cq_begin_opP21grpc_completion_queuePv",
                 (grpc_completion_queue * queue, void* tag)) {
  if (IsAddress(tag)) __tsan_release(tag);
  return RealBeginOperation()(queue, tag);
}

SLUICE_INTERPOSE(void, EndOperation,
                 "_Z14grpc_cq_end_opP21grpc_completion_queuePv"
                 "N4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_S6_b",
                 (grpc_completion_queue * queue, void* tag, Status* status,
                  void (*done)(void*, Completion*), void* done_argument,
                  Completion* storage, bool internal)) {
  if (CompletionType(queue) == GRPC_CQ_CALLBACK) {
    auto* functor = static_cast<Functor*>(tag);
    functor->functor_run = SubstituteFrom<0>(functor->functor_run);
  }
  if (IsAddress(tag)) __tsan_release(tag);
  RealEndOperation()(queue, tag, status, done, done_argument, storage,
                     internal);
}

SLUICE_INTERPOSE(grpc_event, NextCompletion, "grpc_completion_queue_next",
                 (grpc_completion_queue * queue, gpr_timespec deadline,
                  void* reserved)) {
  const grpc_event event = RealNextCompletion()(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE && IsAddress(event.tag)) {
    __tsan_acquire(event.tag);
  }
  return event;
}

SLUICE_INTERPOSE(grpc_event, PluckCompletion, "grpc_completion_queue_pluck",
                 (grpc_completion_queue * queue, void* tag,
                  gpr_timespec deadline, void* reserved)) {
  const grpc_event event =
      RealPluckCompletion()(queue, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE && IsAddress(tag)) __tsan_acquire(tag);
  return event;
}

// --- Queues and file events ------------------------------------------------

#define QUEUE "_ZN9grpc_core32MultiProducerSingleConsumerQueue"
#define FILE_EVENT "_ZN9grpc_core13LockfreeEvent"

SLUICE_INTERPOSE(bool, Push, QUEUE "4PushEPNS0_4NodeE",
                 (Queue * queue, Node* node)) {
  __tsan_release(node);
  return RealPush()(queue, node);
}

SLUICE_INTERPOSE(Node*, Pop, QUEUE "14PopAndCheckEndEPb",
                 (Queue * queue, bool* empty)) {
  Node* node = RealPop()(queue, empty);
  if (node != nullptr) __tsan_acquire(node);
  return node;
}

SLUICE_INTERPOSE(void, NotifyOn, FILE_EVENT "8NotifyOnEP12grpc_closure",
                 (Event * event, Closure* closure)) {
  __tsan_release(event);
  RealNotifyOn()(event, closure);
  __tsan_acquire(event);
}

SLUICE_INTERPOSE(void, SetReady, FILE_EVENT "8SetReadyEv", (Event * event)) {
  __tsan_release(event);
  RealSetReady()(event);
  __tsan_acquire(event);
}

SLUICE_INTERPOSE(bool, SetShutdown,
                 FILE_EVENT "11SetShutdownEN4absl7debian36StatusE",
                 (Event * event, Status* status)) {
  __tsan_release(event);
  const bool first = RealSetShutdown()(event, status);
  __tsan_acquire(event);
  return first;
}

// --- The end of a call on the server ---------------------------------------

namespace {

// ServerCallbackCall begins with its virtual table and two atomic counts, the
// second of which is the number of callbacks that OnDone waits for.
void* CallbacksOutstanding(CallbackCall* call) {
  return reinterpret_cast<char*>(call) + sizeof(void*) +
         sizeof(std::atomic_int);
}

// Stands in for a reactor whose OnCancel runs on a thread of gRPC that then
// gives up the call inside the library.
class CancelledReactor final : public Reactor {
 public:
  CancelledReactor(CallbackCall* call, Reactor* reactor)
      : call_(call), reactor_(reactor) {}
  void OnDone() override { __builtin_trap(); }
  void OnCancel() override {
    reactor_->OnCancel();
    __tsan_release(CallbacksOutstanding(call_));
    delete this;
  }
  bool InternalInlineable() override { return reactor_->InternalInlineable(); }

 private:
  CallbackCall* const call_;
  Reactor* const reactor_;
};

}  // namespace

#define CALL "_ZN4grpc8internal18ServerCallbackCall"

SLUICE_INTERPOSE(void, ScheduleOnDone, CALL "14ScheduleOnDoneEb",
                 (CallbackCall * call, bool inlined)) {
  __tsan_acquire(CallbacksOutstanding(call));
  RealScheduleOnDone()(call, inlined);
}

SLUICE_INTERPOSE(void, CallOnCancel,
                 CALL "12CallOnCancelEPNS0_13ServerReactorE",
                 (CallbackCall * call, Reactor* reactor)) {
  RealCallOnCancel()(call, new CancelledReactor(call, reactor));
}

}  // namespace sluice::tsan
