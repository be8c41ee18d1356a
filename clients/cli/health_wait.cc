#include "clients/cli/health_wait.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace sluice::cli {

HealthWait::HealthWait(const std::string& target,
                       std::chrono::milliseconds timeout,
                       std::function<void()> on_done)
    : context_(std::make_unique<grpc::ClientContext>()),
      on_done_(std::move(on_done)) {
  context_->set_deadline(std::chrono::system_clock::now() + timeout);
  context_->set_wait_for_ready(true);
  thread_ = std::thread([this, target] {
    Watch(target);
    done_.store(true, std::memory_order_release);
    on_done_();
  });
}

HealthWait::~HealthWait() {
  context_->TryCancel();
  thread_.join();
}

void HealthWait::Watch(const std::string& target) {
  namespace health = grpc::health::v1;
  auto stub = health::Health::NewStub(
      grpc::CreateChannel(target, grpc::InsecureChannelCredentials()));
  auto reader = stub->Watch(context_.get(), health::HealthCheckRequest());
  health::HealthCheckResponse response;
  while (reader->Read(&response)) {
    if (response.status() == health::HealthCheckResponse::SERVING) {
      context_->TryCancel();
      while (reader->Read(&response)) {
      }
      reader->Finish();
      return;
    }
  }
  const grpc::Status status = reader->Finish();
  result_ = absl::Status(
      static_cast<absl::StatusCode>(status.error_code()),
      absl::StrCat(target, ": not healthy: ", status.error_message()));
}

}  // namespace sluice::cli
