#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/telemetry/metrics.h"
#include "grpcpp/support/server_interceptor.h"

namespace sluice {

// Counts and times every call under the names the gRPC world uses:
// grpc_server_started_total, grpc_server_handled_total and
// grpc_server_handling_seconds. Threads: any.
class ServerMetrics final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `metrics` is lent until the server is destroyed.
  explicit ServerMetrics(Metrics& metrics);

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  class Call;

  MonotonicClock clock_;
  CounterFamily& started_;
  CounterFamily& handled_;
  HistogramFamily& handling_seconds_;
};

}  // namespace sluice
