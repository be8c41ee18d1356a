#include "services/gateway/pipeline/account.h"

namespace sluice::gateway {

void Observation::TellTo(RequestObserver& observer) const {
  if (stage_end) observer.OnStageEnd(stage_end->first, stage_end->second);
  if (first_token) observer.OnFirstToken(*first_token);
  if (token_gap) observer.OnTokenGap(*token_gap);
}

Account::Account(std::string_view route, std::string request_id,
                 std::string model, Nanos arrival)
    : arrival_(arrival), stage_since_(arrival) {
  record_.route = route;
  record_.request_id = std::move(request_id);
  record_.model = std::move(model);
  record_.admitted = true;
}

Observation Account::EnterStage(Stage stage, Nanos now) {
  const std::pair<Stage, Nanos> ended(record_.stage, now - stage_since_);
  record_.stage = stage;
  stage_since_ = now;
  return {.stage_end = ended};
}

Observation Account::OnPrompt(size_t tokens, Nanos now) {
  record_.prompt_tokens = static_cast<int64_t>(tokens);
  return EnterStage(Stage::kQueue, now);
}

Observation Account::OnEvent(const api::Event& event, Nanos now) {
  if (const auto* started = std::get_if<api::Started>(&event)) {
    record_.cached_tokens = started->cached_tokens;
    return EnterStage(Stage::kPrefill, now);
  }
  if (const auto* delta = std::get_if<api::Delta>(&event)) {
    return OnTokens(delta->tokens, now);
  }
  if (const auto* finished = std::get_if<api::Finished>(&event)) {
    record_.finish_reason = api::FinishReasonName(finished->reason);
    record_.generated_tokens = finished->usage.generated_tokens;
    return {.stage_end = std::pair(record_.stage, now - stage_since_)};
  }
  return {};
}

Observation Account::OnTokens(int32_t tokens, Nanos now) {
  if (tokens == 0) return {};
  record_.generated_tokens += tokens;
  if (last_token_ != 0) {
    const Nanos gap = now - last_token_;
    last_token_ = now;
    return {.token_gap = gap};
  }
  last_token_ = now;
  record_.first_token = now - arrival_;
  Observation observation = EnterStage(Stage::kDecode, now);
  observation.first_token = record_.first_token;
  return observation;
}

RequestRecord Account::Close(absl::StatusCode code, Nanos now) const {
  RequestRecord record = record_;
  record.code = code;
  record.duration = now - arrival_;
  return record;
}

}  // namespace sluice::gateway
