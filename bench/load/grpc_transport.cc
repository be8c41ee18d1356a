#include "bench/load/grpc_transport.h"

#include <grpc/grpc.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "bench/load/grpc_call.h"
#include "common/base/random.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "sluice/gateway/v1/gateway.grpc.pb.h"
#include "sluice/generator/v1/generator.grpc.pb.h"

namespace sluice::load {
namespace {

using gateway::v1::GatewayService;
using generator::v1::GeneratorService;

constexpr std::chrono::seconds kConnectTimeout(2);
constexpr int32_t kPatienceMs = 60'000;

using ChannelPtr = std::shared_ptr<grpc::Channel>;

void FillParams(const PlannedRequest& request,
                generator::v1::SamplingParams& params) {
  params.set_temperature(request.temperature);
  params.set_do_sample(request.temperature > 0);
  params.set_seed(request.seed);
  params.set_max_new_tokens(request.max_new_tokens);
  params.set_ignore_eos(request.ignore_eos);
}

// As little as gRPC can be told to read ahead.
ChannelPtr MakeSlowChannel(const TargetOptions& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4096);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(
      target.server, grpc::InsecureChannelCredentials(), arguments);
}

// Shared, because a Starter must be copyable.
template <typename Service>
std::shared_ptr<typename Service::Stub> StubOf(const ChannelPtr& channel) {
  return Service::NewStub(channel);
}

template <typename Response, typename Request, typename Starter>
std::unique_ptr<OpenCall> MakeCall(EventLoop& loop, CallSettings settings,
                                   CallWatch watch, Request request,
                                   Starter starter) {
  return std::make_unique<StreamCall<Request, Response>>(
      loop, std::move(settings), std::move(watch), std::move(request),
      std::move(starter));
}

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(const TargetOptions& target, EventLoop& loop)
      : target_(target), loop_(loop) {
    // A machine under load answers late; the figures shall say so, not errors.
    const ChannelOptions patient = {.keepalive_timeout_ms = kPatienceMs,
                                    .max_backoff_ms = kPatienceMs,
                                    .own_connection = true};
    for (int32_t i = 0; i < target.connections; ++i) {
      channels_.push_back(MakeChannel(target.server, patient));
    }
    // Connecting is no part of any request's latency; where it fails, the calls
    // say why.
    const auto deadline = std::chrono::system_clock::now() + kConnectTimeout;
    for (const ChannelPtr& channel : channels_) {
      channel->WaitForConnected(deadline);
    }
    SystemRandom random;
    run_id_ = DrawId(random).substr(0, 12);
  }

  void Start(const PlannedRequest& request, Nanos due, OnEnd on_end) override {
    const ChannelPtr channel =
        request.slow
            ? MakeSlowChannel(target_)
            : channels_[static_cast<size_t>(request.index) % channels_.size()];
    const int64_t index = request.index;
    const CallSettings settings = {
        .timeout_ms = target_.timeout_ms,
        .bytes_per_second = request.slow ? target_.slow_bytes_per_second : 0,
        .on_end = [this, index, on_end = std::move(on_end)](CallRecord record) {
          calls_.erase(index);
          on_end(std::move(record));
        }};
    const CallWatch watch(request, due, loop_.Now());
    calls_[index] = Open(request, channel, settings, watch);
    calls_[index]->Begin();
  }

  void Cancel(int64_t index, Cut reason) override {
    const auto found = calls_.find(index);
    if (found != calls_.end()) found->second->Cancel(reason);
  }

 private:
  std::unique_ptr<OpenCall> Open(const PlannedRequest& request,
                                 const ChannelPtr& channel,
                                 const CallSettings& settings,
                                 const CallWatch& watch) {
    // Names must differ from those of another load generator.
    const std::string name = absl::StrCat("load-", run_id_, "-", request.index);
    if (target_.face == "generator") {
      generator::v1::GenerateRequest message;
      message.set_request_id(name);
      message.set_attempt(1);
      message.set_tenant(request.tenant_name);
      for (const int32_t id : request.prompt_ids) message.add_prompt_ids(id);
      FillParams(request, *message.mutable_params());
      return MakeCall<generator::v1::GenerateResponse>(
          loop_, settings, watch, std::move(message),
          [stub = StubOf<GeneratorService>(channel)](
              auto* context, auto* request, auto* reactor) {
            stub->async()->Generate(context, request, reactor);
          });
    }
    if (target_.chat) {
      gateway::v1::ChatRequest message;
      message.set_request_id(name);
      gateway::v1::ChatMessage& said = *message.add_messages();
      said.set_role("user");
      said.set_content(request.prompt);
      FillParams(request, *message.mutable_params());
      return MakeCall<gateway::v1::ChatResponse>(
          loop_, settings, watch, std::move(message),
          [stub = StubOf<GatewayService>(channel)](auto* context, auto* request,
                                                   auto* reactor) {
            stub->async()->Chat(context, request, reactor);
          });
    }
    gateway::v1::CompleteRequest message;
    message.set_request_id(name);
    message.set_prompt(request.prompt);
    FillParams(request, *message.mutable_params());
    return MakeCall<gateway::v1::CompleteResponse>(
        loop_, settings, watch, std::move(message),
        [stub = StubOf<GatewayService>(channel)](auto* context, auto* request,
                                                 auto* reactor) {
          stub->async()->Complete(context, request, reactor);
        });
  }

  const TargetOptions target_;
  EventLoop& loop_;
  std::string run_id_;
  std::vector<ChannelPtr> channels_;
  absl::flat_hash_map<int64_t, std::unique_ptr<OpenCall>> calls_;
};

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(const TargetOptions& target,
                                             EventLoop& loop) {
  return std::make_unique<GrpcTransport>(target, loop);
}

absl::StatusOr<int32_t> AskVocabularySize(const std::string& target) {
  constexpr Nanos kTimeout = 10 * kNanosPerSecond;
  const auto stub = GeneratorService::NewStub(MakeChannel(target));
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  generator::v1::GetModelInfoResponse info;
  const grpc::Status status = stub->GetModelInfo(&context, {}, &info);
  if (!status.ok()) return FromGrpcStatus(status);
  if (info.vocabulary_size() < 1) {
    return absl::InternalError("vocabulary_size: the Generator tells none");
  }
  return info.vocabulary_size();
}

}  // namespace sluice::load
