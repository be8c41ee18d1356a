#pragma once

// grpc.health.v1 Check and Watch, of our own: the one in Debian's gRPC is not
// visible to reflection and would keep watch streams open through a drain.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "grpcpp/impl/service_type.h"

namespace sluice {

// Threads: any.
class HealthService {
 public:
  HealthService();
  ~HealthService();

  // The name "" stands for the whole server. Unknown names answer NOT_FOUND to
  // Check and SERVICE_UNKNOWN to Watch.
  void SetServing(std::string_view name, bool serving);
  // Every known name becomes NOT_SERVING and stays so.
  void Drain();
  // Ends every watch stream with UNAVAILABLE.
  void EndWatches();

  grpc::Service* service();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice
