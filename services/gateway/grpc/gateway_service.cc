#include "services/gateway/grpc/gateway_service.h"

#include <grpc/grpc.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/status.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "services/gateway/access/tenant_header.h"
#include "services/gateway/grpc/messages.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"

namespace sluice::gateway {
namespace {

namespace pb = v1;

// How long a client that took nothing has to take what is on its way, and
// with it the status, after its request was ended.
constexpr auto kLastChance = std::chrono::seconds(30);

// Cuts a call some time after its request has ended. Shared with the timer.
// Threads: any.
class LastChance : public std::enable_shared_from_this<LastChance> {
 public:
  explicit LastChance(grpc_call* call) : call_(call) { grpc_call_ref(call_); }
  ~LastChance() { grpc_call_unref(call_); }
  LastChance(const LastChance&) = delete;
  LastChance& operator=(const LastChance&) = delete;

  // REQUIRES: called once.
  void Begin() {
    // The alarm keeps its function until it goes itself: what the function
    // owns must leave it, or each would hold the other for ever.
    alarm_.Set(std::chrono::system_clock::now() + kLastChance,
               [self = shared_from_this()](bool passed) mutable {
                 const std::shared_ptr<LastChance> last = std::move(self);
                 if (passed) grpc_call_cancel(last->call_, nullptr);
               });
  }
  void Over() { alarm_.Cancel(); }

 private:
  grpc_call* const call_;  // our own reference: it may outlive the reactor
  grpc::Alarm alarm_;
};

// One stream. Finish is called only in answer to a Next (or when there is no
// exchange), so nothing touches the reactor after it.
template <typename Response>
class AnswerReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit AnswerReactor(grpc::CallbackServerContext& context)
      : last_chance_(std::make_shared<LastChance>(context.c_call())) {}

  // REQUIRES: called once, by the handler before it returns.
  void Start(absl::StatusOr<std::shared_ptr<Exchange>> exchange) {
    if (!exchange.ok()) return Finish(ToGrpcStatus(exchange.status()));
    (*exchange)->OnEndUnread([last = last_chance_] { last->Begin(); });
    {
      absl::MutexLock lock(&mutex_);
      exchange_ = *std::move(exchange);
    }
    Pull();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) exchange()->Cancel();
    Pull();
  }
  void OnCancel() override {
    const std::shared_ptr<Exchange> running = exchange();
    if (running != nullptr) running->Cancel();
  }
  void OnDone() override {
    last_chance_->Over();
    delete this;
  }

 private:
  // A copy: what is done with it may end this reactor.
  std::shared_ptr<Exchange> exchange() const {
    absl::MutexLock lock(&mutex_);
    return exchange_;
  }

  void Pull() {
    exchange()->Next([this](absl::StatusOr<std::optional<api::Event>> next) {
      if (!next.ok()) return Finish(ToGrpcStatus(next.status()));
      if (!next->has_value()) return Finish(grpc::Status::OK);
      Send(**next);
    });
  }

  void Send(const api::Event& event) {
    const Response response = ToResponse<Response>(event);
    message_.Clear();  // gRPC asks for an empty one
    bool own_buffer = false;
    const grpc::Status status = grpc::SerializationTraits<Response>::Serialize(
        response, &message_, &own_buffer);
    if (status.ok()) return StartWrite(&message_);
    exchange()->Cancel();
    Finish(status);
  }

  const std::shared_ptr<LastChance> last_chance_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<Exchange> exchange_ ABSL_GUARDED_BY(mutex_);  // set once
  grpc::ByteBuffer message_;
};

std::optional<Nanos> TimeoutOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return std::nullopt;
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             deadline - std::chrono::system_clock::now())
      .count();
}

// Chat and Complete take raw bytes, so that a malformed message is answered
// with INVALID_ARGUMENT instead of gRPC's UNIMPLEMENTED.
using RawService = pb::GatewayService::WithRawCallbackMethod_Chat<
    pb::GatewayService::WithRawCallbackMethod_Complete<
        pb::GatewayService::WithCallbackMethod_ListModels<
            pb::GatewayService::Service>>>;

class Service final : public RawService {
 public:
  Service(Pipeline& pipeline, std::string tenant_header)
      : pipeline_(pipeline), tenant_header_(std::move(tenant_header)) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Chat(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* bytes) override {
    return Answer<pb::ChatResponse>("grpc Chat", *context, ParseChat(*bytes));
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Complete(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* bytes) override {
    return Answer<pb::CompleteResponse>("grpc Complete", *context,
                                        ParseCompletion(*bytes));
  }

  grpc::ServerUnaryReactor* ListModels(
      grpc::CallbackServerContext* context,
      const pb::ListModelsRequest* request,
      pb::ListModelsResponse* response) override {
    for (const ModelInfo& model : pipeline_.Models()) {
      *response->add_models() = ToProto(model);
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  template <typename Response, typename Request>
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Answer(
      std::string_view route, grpc::CallbackServerContext& context,
      absl::StatusOr<Request> request) {
    auto* reactor = new AnswerReactor<Response>(context);
    if (!request.ok()) {
      reactor->Start(pipeline_.Refused(route, request.status()));
      return reactor;
    }
    auto tenant = TenantOfCall(context);
    if (!tenant.ok()) {
      reactor->Start(pipeline_.Refused(route, tenant.status()));
      return reactor;
    }
    request->options.tenant = *std::move(tenant);
    request->options.timeout = TimeoutOf(context);
    reactor->Start(pipeline_.Start(route, *std::move(request)));
    return reactor;
  }

  // What the client itself says of tenants is not asked for.
  absl::StatusOr<std::string> TenantOfCall(
      const grpc::CallbackServerContext& context) const {
    if (tenant_header_.empty()) return std::string();
    std::vector<std::string_view> values;
    const auto [begin, end] =
        context.client_metadata().equal_range(tenant_header_);
    for (auto it = begin; it != end; ++it) {
      values.emplace_back(it->second.data(), it->second.size());
    }
    return TenantOf(tenant_header_, values);
  }

  Pipeline& pipeline_;
  const std::string tenant_header_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeGatewayService(Pipeline& pipeline,
                                                  std::string tenant_header) {
  return std::make_unique<Service>(pipeline, std::move(tenant_header));
}

}  // namespace sluice::gateway
