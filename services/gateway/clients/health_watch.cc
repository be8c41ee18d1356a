#include "services/gateway/clients/health_watch.h"

#include <utility>

#include "common/rpc/status.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"

namespace sluice::gateway {
namespace {

namespace pb = grpc::health::v1;

class Watch final : public grpc::ClientReadReactor<pb::HealthCheckResponse>,
                    public Call {
 public:
  Watch(const std::shared_ptr<grpc::Channel>& channel,
        HealthCallbacks callbacks)
      : stub_(pb::Health::NewStub(channel)), callbacks_(std::move(callbacks)) {}

  void Start(std::shared_ptr<Watch> self) {
    self_ = std::move(self);
    context_.set_wait_for_ready(true);
    stub_->async()->Watch(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void Cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    callbacks_.on_change(response_.status() ==
                         pb::HealthCheckResponse::SERVING);
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Watch> self = std::move(self_);
    callbacks_.on_end(FromGrpcStatus(status));
  }

 private:
  const std::unique_ptr<pb::Health::Stub> stub_;
  const HealthCallbacks callbacks_;
  std::shared_ptr<Watch> self_;  // until OnDone
  grpc::ClientContext context_;
  pb::HealthCheckRequest request_;
  pb::HealthCheckResponse response_;
};

}  // namespace

std::shared_ptr<Call> StartHealthWatch(std::shared_ptr<grpc::Channel> channel,
                                       HealthCallbacks callbacks) {
  auto watch = std::make_shared<Watch>(channel, std::move(callbacks));
  watch->Start(watch);
  return watch;
}

}  // namespace sluice::gateway
