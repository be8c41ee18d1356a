#include "clients/cli/cancel_on_stop.h"

namespace sluice::cli {

CancelOnStop::CancelOnStop(StopSignal& stop, grpc::ClientContext& context)
    : stop_(stop), context_(context), thread_("cancel", [this] {
        stop_.Wait();
        context_.TryCancel();  // does nothing to a call that has ended
      }) {}

CancelOnStop::~CancelOnStop() { End(); }

void CancelOnStop::End() {
  if (ended_) return;
  ended_ = true;
  interrupted_ = stop_.requested();
  stop_.Request();
  thread_.Join();
}

}  // namespace sluice::cli
