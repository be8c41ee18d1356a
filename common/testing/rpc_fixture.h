#pragma once

// A gRPC server on a free port and a channel to it, for tests.

#include <memory>
#include <string>
#include <vector>

#include "common/rpc/channel.h"
#include "common/rpc/rpc_server.h"

namespace sluice {

// Serves `services` with the house settings, all health names SERVING. CHECKs
// that it starts. Threads: one owner.
class RpcFixture {
 public:
  explicit RpcFixture(const std::vector<grpc::Service*>& services,
                      const std::vector<std::string>& health_names = {},
                      RpcServerOptions options = {});
  ~RpcFixture();

  RpcServer& server() { return *server_; }
  // "127.0.0.1:port".
  std::string target() const;
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace sluice
