#include "common/testing/rpc_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice {

RpcFixture::RpcFixture(const std::vector<grpc::Service*>& services,
                       const std::vector<std::string>& health_names,
                       RpcServerOptions options) {
  auto server =
      RpcServer::Start(options, services, health_names, /*metrics=*/nullptr);
  SLUICE_CHECK(server.ok(), server.status().ToString());
  server_ = *std::move(server);
  server_->SetServing(true);
  channel_ = MakeChannel(target());
}

RpcFixture::~RpcFixture() {
  channel_.reset();
  server_->Shutdown(0);
}

std::string RpcFixture::target() const {
  return absl::StrCat("127.0.0.1:", server_->port());
}

}  // namespace sluice
