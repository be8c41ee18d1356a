// Only in ThreadSanitizer builds: proof that what the sanitizer is told of
// gRPC (tsan_grpc.cc) neither hides nor invents races. One plain number is
// written by this program and by a callback of a call that it makes.
//
//   ordered          each side writes while the call belongs to it: silence
//   race_with_server a handler and the caller in the middle of the call
//   race_with_client a completion and the caller in the middle of the call

#include <cstdio>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/testing/rpc_fixture.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice {
namespace {

using tokenizer::v1::CountTokensRequest;
using tokenizer::v1::CountTokensResponse;
using tokenizer::v1::TokenizerService;

// One would do; a silence after one call would prove less.
constexpr int kCalls = 20;

class CountingService final : public TokenizerService::CallbackService {
 public:
  grpc::ServerUnaryReactor* CountTokens(
      grpc::CallbackServerContext* context,
      const CountTokensRequest* /*request*/,
      CountTokensResponse* response) override {
    response->set_tokens(++handled);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  int handled = 0;
};

class Proof {
 public:
  Proof() : fixture_({&service_}) {}

  // Whether the calls went through, each with one write by either side.
  bool Run(const std::string& mode) {
    for (int i = 0; i < kCalls; ++i) {
      if (!Call(mode)) return false;
    }
    return true;
  }

 private:
  bool Call(const std::string& mode) {
    grpc::ClientContext context;
    CountTokensRequest request;
    CountTokensResponse response;
    grpc::Status status;
    absl::Notification done;
    ++completed_;
    ++service_.handled;
    stub_->async()->CountTokens(&context, &request, &response,
                                [&](grpc::Status result) {
                                  status = std::move(result);
                                  ++completed_;
                                  done.Notify();
                                });
    if (mode == "race_with_server") ++service_.handled;
    if (mode == "race_with_client") ++completed_;
    done.WaitForNotification();
    ++completed_;
    ++service_.handled;
    return status.ok();
  }

  CountingService service_;
  RpcFixture fixture_;
  std::unique_ptr<TokenizerService::Stub> stub_ =
      TokenizerService::NewStub(fixture_.channel());
  int completed_ = 0;
};

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const std::string mode = argc == 2 ? argv[1] : "";
  const bool called = sluice::Proof().Run(mode);
  std::printf("%s: %s\n", mode.c_str(), called ? "called" : "calls failed");
  return called ? 0 : 1;
}
