#include "common/rpc/server_metrics.h"

#include <string>
#include <string_view>

#include "common/base/status_table.h"

namespace sluice {
namespace {

using grpc::experimental::InterceptionHookPoints;

struct MethodName {
  // `path` is "/package.Service/Method".
  explicit MethodName(std::string_view path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string_view::npos || slash == 0) return;
    service = path.substr(1, slash - 1);
    method = path.substr(slash + 1);
  }
  std::string_view service;
  std::string_view method;
};

}  // namespace

class ServerMetrics::Call final : public grpc::experimental::Interceptor {
 public:
  Call(ServerMetrics& metrics, std::string_view path)
      : metrics_(metrics), path_(path), start_(metrics.clock_.Now()) {
    const MethodName name(path_);
    metrics_.started_.With({name.service, name.method}).Increment();
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      Handled(batch->GetSendStatus().error_code());
    }
    batch->Proceed();
  }

 private:
  void Handled(grpc::StatusCode code) {
    const MethodName name(path_);
    metrics_.handled_
        .With({name.service, name.method,
               CodeName(static_cast<absl::StatusCode>(code))})
        .Increment();
    metrics_.handling_seconds_.With({name.service, name.method})
        .Observe(ToSeconds(metrics_.clock_.Now() - start_));
  }

  ServerMetrics& metrics_;
  const std::string path_;
  const Nanos start_;
};

ServerMetrics::ServerMetrics(Metrics& metrics)
    : started_(metrics.AddCounter("grpc_server_started_total",
                                  "Calls that arrived.",
                                  {"grpc_service", "grpc_method"})),
      handled_(metrics.AddCounter(
          "grpc_server_handled_total", "Calls that ended, by status code.",
          {"grpc_service", "grpc_method", "grpc_code"})),
      handling_seconds_(metrics.AddHistogram(
          "grpc_server_handling_seconds",
          "Time from the arrival of a call to its status.", kSecondsGrid,
          {"grpc_service", "grpc_method"})) {}

grpc::experimental::Interceptor* ServerMetrics::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new Call(*this, info->method());
}

}  // namespace sluice
