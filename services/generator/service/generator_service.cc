#include "services/generator/service/generator_service.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/generator/service/conversions.h"
#include "services/generator/service/generate_stream.h"

namespace sluice::generator {

grpc::ServerWriteReactor<v1::GenerateResponse>* GeneratorService::Generate(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  const std::shared_ptr<GenerateStream> stream =
      GenerateStream::Create(model_.info.fingerprint);
  // The call may be over, and the stream with it, before this returns.
  grpc::ServerWriteReactor<v1::GenerateResponse>* reactor = stream.get();
  absl::StatusOr<Request> parsed = ParseRequest(*context, *request);
  if (!parsed.ok()) {
    dependencies_.metrics.CountRejected(parsed.status());
    stream->Refuse(parsed.status());
    return reactor;
  }
  const auto on_ready = [weak = std::weak_ptr<GenerateStream>(stream),
                         &pump = dependencies_.pump] {
    std::shared_ptr<GenerateStream> alive = weak.lock();
    if (alive != nullptr) pump.Add(std::move(alive));
  };
  absl::StatusOr<std::shared_ptr<Outbox>> outbox =
      dependencies_.engine.Submit(*std::move(parsed), on_ready);
  if (!outbox.ok()) {
    dependencies_.metrics.CountRejected(outbox.status());
    stream->Refuse(outbox.status());
    return reactor;
  }
  stream->Attach(*std::move(outbox));
  return reactor;
}

absl::StatusOr<Request> GeneratorService::ParseRequest(
    const grpc::CallbackServerContext& context,
    const v1::GenerateRequest& message) {
  if (!message.vocabulary_hash().empty() &&
      message.vocabulary_hash() != model_.vocabulary_hash) {
    return absl::FailedPreconditionError(absl::StrCat(
        "vocabulary_hash: of another vocabulary, got ",
        message.vocabulary_hash(), ", limit ", model_.vocabulary_hash));
  }
  ASSIGN_OR_RETURN(RequestFields fields, ToFields(message));
  fields.deadline = DeadlineOf(context);
  fields.drawn_seed = dependencies_.random.Next();
  return Request::Create(std::move(fields), model_.limits);
}

// gRPC tells a deadline of the system's clock, the engine has its own.
Nanos GeneratorService::DeadlineOf(
    const grpc::CallbackServerContext& context) const {
  constexpr auto kFarAway = std::chrono::hours(24 * 365);
  const auto now = std::chrono::system_clock::now();
  const auto deadline = context.deadline();
  if (deadline > now + kFarAway) return kNoDeadline;
  const auto left =
      std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - now);
  return dependencies_.clock.Now() + left.count();
}

grpc::ServerUnaryReactor* GeneratorService::GetModelInfo(
    grpc::CallbackServerContext* context, const v1::GetModelInfoRequest*,
    v1::GetModelInfoResponse* response) {
  *response = ToProto(model_);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* GeneratorService::GetLoad(
    grpc::CallbackServerContext* context, const v1::GetLoadRequest*,
    v1::GetLoadResponse* response) {
  const LoadSnapshot load = dependencies_.board.Read();
  response->set_queued_requests(load.queued_requests);
  response->set_running_requests(load.running_requests);
  response->set_kv_blocks_total(load.blocks.total);
  response->set_kv_blocks_active(load.blocks.active);
  response->set_kv_blocks_cached(load.blocks.cached);
  response->set_tokens_per_second(
      dependencies_.board.tokens().PerSecond(dependencies_.clock.Now()));
  response->set_draining(dependencies_.engine.draining());
  response->set_outstanding_tokens(load.outstanding_tokens);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace sluice::generator
