#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "common/rpc/status.h"
#include "grpcpp/client_context.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

// The memory of one unary call in flight; its completion callback owns it.
// Threads: Cancel any; request and context only before the call starts,
// response only in the callback.
template <typename Request, typename Response>
class UnaryCall final : public Call {
 public:
  using Done = std::function<void(absl::Status, Response&)>;

  void Cancel() override { context.TryCancel(); }

  // What to hand to gRPC: keeps `call` until it is done.
  static std::function<void(grpc::Status)> Completion(
      std::shared_ptr<UnaryCall> call, Done done) {
    return
        [call = std::move(call), done = std::move(done)](grpc::Status status) {
          done(FromGrpcStatus(status), call->response);
        };
  }

  grpc::ClientContext context;
  Request request;
  Response response;
};

}  // namespace sluice::gateway
