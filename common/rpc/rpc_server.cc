#include "common/rpc/rpc_server.h"

#include <grpc/grpc.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/listen_address.h"
#include "common/base/status_macros.h"
#include "common/rpc/server_metrics.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace sluice {
namespace {

// Decides about reflection for one server: linking its library alone already
// gives it to every server of the process.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool on) : on_(on) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    auto reflection =
        std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& plugin) {
      return plugin->name() == reflection->name();
    });
    if (on_) plugins->push_back(std::move(reflection));
  }

 private:
  const bool on_;
};

absl::Status CannotListen(const ListenAddress& address, const char* got) {
  return absl::UnavailableError(absl::StrCat(
      "listen: cannot open ", address.ToString(), ", got \"", got, "\""));
}

// gRPC does not say why a port cannot be opened, so it is tried beforehand.
absl::Status ProbePort(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(),
                    &hints, &found);
  if (error != 0) return CannotListen(address, ::gai_strerror(error));
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  int bind_error = 0;
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0) bind_error = errno;
  if (bind_error == 0 && ::listen(fd, 1) != 0) bind_error = errno;
  ::close(fd);
  ::freeaddrinfo(found);
  if (bind_error != 0) return CannotListen(address, std::strerror(bind_error));
  return absl::OkStatus();
}

void SetLimits(const RpcServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             options.max_metadata_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options.max_concurrent_streams);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  grpc::ResourceQuota quota("rpc_server");
  quota.Resize(static_cast<size_t>(options.max_memory_bytes))
      .SetMaxThreads(options.max_threads);
  builder.SetResourceQuota(quota);
  // A compressed message could unpack to far more than its limit.
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  // Only reflection is served by threads of this kind.
  using Sync = grpc::ServerBuilder::SyncServerOption;
  builder.SetSyncServerOption(Sync::NUM_CQS, 1);
  builder.SetSyncServerOption(Sync::MIN_POLLERS, 1);
  builder.SetSyncServerOption(Sync::MAX_POLLERS, 2);
}

void SetLiveness(const RpcServerOptions& options,
                 grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             options.keepalive_timeout_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      options.min_ping_interval_ms);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             options.max_connection_idle_ms);
  if (options.max_connection_age_ms > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               options.max_connection_age_ms);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               options.max_connection_age_grace_ms);
  }
}

void AddMetrics(Metrics* metrics, grpc::ServerBuilder& builder) {
  if (metrics == nullptr) return;
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(std::make_unique<ServerMetrics>(*metrics));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const RpcServerOptions& options,
    const std::vector<grpc::Service*>& services,
    const std::vector<std::string>& health_names, Metrics* metrics) {
  ASSIGN_OR_RETURN(ListenAddress address,
                   ParseListenAddress("listen", options.listen));
  RETURN_IF_ERROR(ProbePort(address));
  std::unique_ptr<RpcServer> server(new RpcServer());
  server->health_names_ = health_names;
  server->health_names_.push_back("");
  server->health_ = std::make_unique<HealthService>();
  server->SetServing(false);

  grpc::ServerBuilder builder;
  SetLimits(options, builder);
  SetLiveness(options, builder);
  AddMetrics(metrics, builder);
  builder.SetOption(std::make_unique<ReflectionOption>(options.reflection));
  builder.RegisterService(server->health_->service());
  for (grpc::Service* service : services) builder.RegisterService(service);
  int port = 0;
  builder.AddListeningPort(address.ToString(),
                           grpc::InsecureServerCredentials(), &port);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || port <= 0) {
    return CannotListen(address, "refused by gRPC");
  }
  address.port = static_cast<uint16_t>(port);
  server->port_ = address.port;
  server->listen_ = address.ToString();
  return server;
}

RpcServer::~RpcServer() {
  if (server_ != nullptr) Shutdown(0);
}

void RpcServer::SetServing(std::string_view name, bool serving) {
  health_->SetServing(name, serving);
}

void RpcServer::SetServing(bool serving) {
  for (const std::string& name : health_names_) {
    health_->SetServing(name, serving);
  }
}

void RpcServer::StopServing() { health_->Drain(); }

void RpcServer::Shutdown(Nanos grace) {
  health_->Drain();
  health_->EndWatches();
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::nanoseconds(grace));
  server_->Wait();
}

}  // namespace sluice
