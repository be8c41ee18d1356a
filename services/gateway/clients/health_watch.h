#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "grpcpp/channel.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

struct HealthCallbacks {
  // At each change, one call at a time.
  std::function<void(bool serving)> on_change;
  // Once, last: how the watch ended.
  std::function<void(absl::Status)> on_end;
};

// Watches grpc.health.v1 of the whole server (the name "") until it ends or is
// cancelled; waits for a server that is not up yet. Callbacks come on gRPC
// threads. Threads: any.
std::shared_ptr<Call> StartHealthWatch(std::shared_ptr<grpc::Channel> channel,
                                       HealthCallbacks callbacks);

}  // namespace sluice::gateway
