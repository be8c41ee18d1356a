#pragma once

// Ctrl-C ends a call the way the protocol means it: the server is told.

#include "common/concurrency/named_thread.h"
#include "common/concurrency/stop_signal.h"
#include "grpcpp/client_context.h"

namespace sluice::cli {

// Cancels `context` when `stop` is requested. Both are lent until destruction,
// which waits for the watching thread.
// Threads: one owner.
class CancelOnStop {
 public:
  CancelOnStop(StopSignal& stop, grpc::ClientContext& context);
  ~CancelOnStop();
  CancelOnStop(const CancelOnStop&) = delete;
  CancelOnStop& operator=(const CancelOnStop&) = delete;

  // Whether the user asked to stop before End.
  bool interrupted() const { return interrupted_; }
  // The call is over: what comes later is not an interruption.
  void End();

 private:
  StopSignal& stop_;
  grpc::ClientContext& context_;
  bool interrupted_ = false;
  bool ended_ = false;
  NamedThread thread_;
};

}  // namespace sluice::cli
