#include "services/gateway/clients/generator_endpoint.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/rpc/channel.h"
#include "services/gateway/clients/params_proto.h"
#include "services/gateway/clients/unary_call.h"

namespace sluice::gateway {
namespace {

namespace pb = generator::v1;

// Unread tokens shall stay with the Generator, which then pauses the request.
constexpr int32_t kStreamWindow = 8 << 10;
constexpr Nanos kInfoTimeout = 5 * kNanosPerSecond;

ModelInfo FromInfo(const pb::GetModelInfoResponse& info) {
  ModelInfo model;
  model.name = info.model();
  model.context_length = info.context_length();
  model.vocabulary_size = info.vocabulary_size();
  model.parameters = info.parameters();
  model.started_at = info.started_at();
  model.vocabulary_hash = info.vocabulary_hash();
  model.features.assign(info.features().begin(), info.features().end());
  model.default_params = FromProto(info.default_params());
  return model;
}

}  // namespace

GeneratorEndpoint::GeneratorEndpoint(std::string address, const Clock& clock,
                                     Logger& log)
    : Endpoint("generator", std::move(address),
               {.stream_window_bytes = kStreamWindow}, clock, log),
      stub_(pb::GeneratorService::NewStub(channel())),
      gate_(std::make_shared<QueueGate>()),
      client_(std::make_shared<GeneratorClient>(channel(), clock, outstanding(),
                                                gate_)) {}

std::optional<GeneratorState> GeneratorEndpoint::state() const {
  if (!ready()) return std::nullopt;
  absl::MutexLock lock(&mutex_);
  return GeneratorState{
      .model = model_,
      .client = client_,
      .gate = gate_,
      .outstanding = outstanding()->count(),
      .instance = absl::StrCat(address(), "@", model_.started_at)};
}

std::string GeneratorEndpoint::last_model() const {
  absl::MutexLock lock(&mutex_);
  return model_.name;
}

void GeneratorEndpoint::Probe() {
  using InfoCall = UnaryCall<pb::GetModelInfoRequest, pb::GetModelInfoResponse>;
  auto call = std::make_shared<InfoCall>();
  SetTimeout(call->context, kInfoTimeout);
  KeepCall(call);
  const auto self =
      std::static_pointer_cast<GeneratorEndpoint>(shared_from_this());
  stub_->async()->GetModelInfo(
      &call->context, &call->request, &call->response,
      InfoCall::Completion(call, [self](const absl::Status& status,
                                        const pb::GetModelInfoResponse& info) {
        self->OnInfo(status, info);
      }));
}

void GeneratorEndpoint::OnInfo(const absl::Status& status,
                               const pb::GetModelInfoResponse& info) {
  if (!status.ok()) return Probed(status);
  if (info.context_length() < 2 || info.vocabulary_size() < 1) {
    return Probed(FieldError("context_length", "is no model's",
                             std::to_string(info.context_length()),
                             "2 or more"));
  }
  {
    absl::MutexLock lock(&mutex_);
    model_ = FromInfo(info);
  }
  Probed(absl::OkStatus());
}

}  // namespace sluice::gateway
