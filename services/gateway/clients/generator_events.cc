#include "services/gateway/clients/generator_events.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/gateway/clients/params_proto.h"

namespace sluice::gateway {
namespace {

namespace pb = generator::v1;

absl::StatusOr<api::FinishReason> ReasonFrom(pb::FinishReason reason) {
  switch (reason) {
    case pb::FINISH_REASON_EOS:
      return api::FinishReason::kEos;
    case pb::FINISH_REASON_STOP:
      return api::FinishReason::kStop;
    case pb::FINISH_REASON_LENGTH:
      return api::FinishReason::kLength;
    default:
      return absl::InternalError(absl::StrCat(
          "broke its contract, finish reason ", static_cast<int>(reason)));
  }
}

absl::StatusOr<TokenDelta> FromDelta(const pb::Delta& delta) {
  TokenDelta out;
  out.index = delta.index();
  out.ids.assign(delta.ids().begin(), delta.ids().end());
  if (delta.has_finish()) {
    ASSIGN_OR_RETURN(const api::FinishReason reason,
                     ReasonFrom(delta.finish().reason()));
    out.finish = SequenceFinish{.index = delta.finish().index(),
                                .reason = reason,
                                .matched_stop = delta.finish().matched_stop(),
                                .trim_bytes = delta.finish().trim_bytes()};
  }
  return out;
}

AttemptStarted FromStarted(const pb::Started& started) {
  return AttemptStarted{
      .prompt_tokens = started.prompt_tokens(),
      .cached_tokens = started.cached_tokens(),
      .effective_params = FromProto(started.effective_params()),
      .fingerprint = started.fingerprint()};
}

AttemptFinished FromFinished(const pb::Finished& finished) {
  const pb::Usage& usage = finished.usage();
  const pb::Timings& timings = finished.timings();
  return AttemptFinished{
      .usage = {.prompt_tokens = usage.prompt_tokens(),
                .cached_tokens = usage.cached_tokens(),
                .generated_tokens = usage.generated_tokens()},
      .timings = {.queue_seconds = timings.queue_seconds(),
                  .prefill_seconds = timings.prefill_seconds(),
                  .decode_seconds = timings.decode_seconds()}};
}

template <typename T>
std::optional<GeneratorEvent> Event(T event) {
  return std::optional<GeneratorEvent>(std::in_place, std::move(event));
}

}  // namespace

absl::StatusOr<std::optional<GeneratorEvent>> FromProto(
    const pb::GenerateResponse& response) {
  switch (response.event_case()) {
    case pb::GenerateResponse::kQueued:
      return Event(api::Queued{.position = response.queued().position()});
    case pb::GenerateResponse::kStarted:
      return Event(FromStarted(response.started()));
    case pb::GenerateResponse::kProgress:
      return Event(api::Progress{.prompt_tokens_done =
                                     response.progress().prompt_tokens_done()});
    case pb::GenerateResponse::kDelta: {
      ASSIGN_OR_RETURN(TokenDelta delta, FromDelta(response.delta()));
      return Event(std::move(delta));
    }
    case pb::GenerateResponse::kFinished:
      return Event(FromFinished(response.finished()));
    case pb::GenerateResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

pb::GenerateRequest ToProto(const Attempt& attempt) {
  pb::GenerateRequest request;
  request.set_request_id(attempt.request_id);
  request.set_attempt(attempt.number);
  request.mutable_prompt_ids()->Add(attempt.prompt_ids.begin(),
                                    attempt.prompt_ids.end());
  *request.mutable_params() = ToProto(attempt.params);
  request.set_n(1);
  const Handling& handling = attempt.handling;
  request.set_tenant(handling.tenant);
  request.set_bypass_prefix_cache(handling.bypass_prefix_cache);
  request.set_public_prefix_tokens(handling.public_prefix_tokens);
  if (handling.system_priority) request.set_priority(pb::PRIORITY_SYSTEM);
  if (handling.queue_timeout_ms) {
    request.set_queue_timeout_ms(*handling.queue_timeout_ms);
  }
  if (handling.first_token_timeout_ms) {
    request.set_first_token_timeout_ms(*handling.first_token_timeout_ms);
  }
  request.set_vocabulary_hash(attempt.vocabulary_hash);
  return request;
}

}  // namespace sluice::gateway
