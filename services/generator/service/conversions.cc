#include "services/generator/service/conversions.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

absl::StatusOr<Priority> ToPriority(int wire) {
  switch (wire) {
    case v1::PRIORITY_UNSPECIFIED:
    case v1::PRIORITY_INTERACTIVE:
      return Priority::kInteractive;
    case v1::PRIORITY_SYSTEM:
      return Priority::kSystem;
    case v1::PRIORITY_BATCH:
      return Priority::kBatch;
    default:
      return FieldError("priority", "unknown value", absl::StrCat(wire),
                        "0 to 3");
  }
}

v1::FinishReason ToProto(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return v1::FINISH_REASON_EOS;
    case FinishReason::kStop:
      return v1::FINISH_REASON_STOP;
    case FinishReason::kLength:
      return v1::FINISH_REASON_LENGTH;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

void Fill(int32_t index, const SequenceEnd& end, v1::SequenceFinish& message) {
  message.set_index(index);
  message.set_reason(ToProto(end.reason));
  message.set_matched_stop(end.matched_stop);
  if (end.matched_id.has_value()) message.set_matched_id(*end.matched_id);
  message.set_trim_bytes(end.trim_bytes);
}

// Fills the oneof of a response from each kind of message.
struct Filler {
  const std::string& fingerprint;
  v1::GenerateResponse& response;

  void operator()(const Queued& queued) {
    response.mutable_queued()->set_position(queued.position);
  }
  void operator()(const Started& started) {
    v1::Started& message = *response.mutable_started();
    message.set_prompt_tokens(started.prompt_tokens);
    message.set_cached_tokens(started.cached_tokens);
    *message.mutable_effective_params() =
        sluice::generator::ToProto(started.params);
    message.set_fingerprint(fingerprint);
  }
  void operator()(const Progress& progress) {
    response.mutable_progress()->set_prompt_tokens_done(
        progress.prompt_tokens_done);
  }
  void operator()(const Delta& delta) {
    v1::Delta& message = *response.mutable_delta();
    message.set_index(delta.index);
    message.mutable_ids()->Assign(delta.ids.begin(), delta.ids.end());
    if (delta.end.has_value()) {
      Fill(delta.index, *delta.end, *message.mutable_finish());
    }
  }
  void operator()(const Finished& finished) {
    v1::Finished& message = *response.mutable_finished();
    for (size_t i = 0; i < finished.ends.size(); ++i) {
      Fill(static_cast<int32_t>(i), finished.ends[i], *message.add_sequences());
    }
    v1::Usage& usage = *message.mutable_usage();
    usage.set_prompt_tokens(finished.prompt_tokens);
    usage.set_cached_tokens(finished.cached_tokens);
    usage.set_generated_tokens(finished.generated_tokens);
    v1::Timings& timings = *message.mutable_timings();
    timings.set_queue_seconds(ToSeconds(finished.queue_time));
    timings.set_prefill_seconds(ToSeconds(finished.prefill_time));
    timings.set_decode_seconds(ToSeconds(finished.decode_time));
  }
};

}  // namespace

absl::StatusOr<RequestFields> ToFields(const v1::GenerateRequest& message) {
  RequestFields fields;
  fields.request_id = message.request_id();
  fields.attempt = message.attempt();
  fields.prompt_ids.assign(message.prompt_ids().begin(),
                           message.prompt_ids().end());
  fields.params = ToOverrides(message.params());
  fields.tenant = message.tenant();
  ASSIGN_OR_RETURN(fields.priority, ToPriority(message.priority()));
  for (const v1::ResumedSequence& resumed : message.resumed()) {
    fields.resumed.push_back(
        {resumed.index(), {resumed.ids().begin(), resumed.ids().end()}});
  }
  fields.n = message.n() == 0 ? 1 : message.n();
  if (message.has_queue_timeout_ms()) {
    fields.queue_timeout_ms = message.queue_timeout_ms();
  }
  if (message.has_first_token_timeout_ms()) {
    fields.first_token_timeout_ms = message.first_token_timeout_ms();
  }
  fields.public_prefix_tokens = message.public_prefix_tokens();
  fields.bypass_prefix_cache = message.bypass_prefix_cache();
  fields.bypass_speculation = message.bypass_speculation();
  return fields;
}

SamplingOverrides ToOverrides(const v1::SamplingParams& m) {
  SamplingOverrides o;
  if (m.has_temperature()) o.temperature = m.temperature();
  if (m.has_top_k()) o.top_k = m.top_k();
  if (m.has_top_p()) o.top_p = m.top_p();
  if (m.has_repetition_penalty()) {
    o.repetition_penalty = m.repetition_penalty();
  }
  if (m.has_seed()) o.seed = m.seed();
  if (m.has_max_new_tokens()) o.max_new_tokens = m.max_new_tokens();
  if (m.has_min_new_tokens()) o.min_new_tokens = m.min_new_tokens();
  o.stop.assign(m.stop().begin(), m.stop().end());
  o.stop_token_ids.assign(m.stop_token_ids().begin(), m.stop_token_ids().end());
  if (m.has_ignore_eos()) o.ignore_eos = m.ignore_eos();
  if (m.has_do_sample()) o.do_sample = m.do_sample();
  return o;
}

v1::SamplingParams ToProto(const SamplingOverrides& o) {
  v1::SamplingParams m;
  if (o.temperature) m.set_temperature(*o.temperature);
  if (o.top_k) m.set_top_k(*o.top_k);
  if (o.top_p) m.set_top_p(*o.top_p);
  if (o.repetition_penalty) m.set_repetition_penalty(*o.repetition_penalty);
  if (o.seed) m.set_seed(*o.seed);
  if (o.max_new_tokens) m.set_max_new_tokens(*o.max_new_tokens);
  if (o.min_new_tokens) m.set_min_new_tokens(*o.min_new_tokens);
  for (const std::string& stop : o.stop) m.add_stop(stop);
  m.mutable_stop_token_ids()->Assign(o.stop_token_ids.begin(),
                                     o.stop_token_ids.end());
  if (o.ignore_eos) m.set_ignore_eos(*o.ignore_eos);
  if (o.do_sample) m.set_do_sample(*o.do_sample);
  return m;
}

v1::SamplingParams ToProto(const SamplingParams& params) {
  SamplingOverrides all;
  all.temperature = params.temperature;
  all.top_k = params.top_k;
  all.top_p = params.top_p;
  all.repetition_penalty = params.repetition_penalty;
  all.seed = params.seed;
  all.max_new_tokens = params.max_new_tokens;
  all.min_new_tokens = params.min_new_tokens;
  all.stop = params.stop;
  all.stop_token_ids = params.stop_token_ids;
  all.ignore_eos = params.ignore_eos;
  all.do_sample = params.do_sample;
  return ToProto(all);
}

v1::GenerateResponse ToProto(const StreamMessage& message,
                             const std::string& fingerprint) {
  v1::GenerateResponse response;
  std::visit(Filler{fingerprint, response}, message);
  return response;
}

v1::GetModelInfoResponse ToProto(const ServedModel& model) {
  v1::GetModelInfoResponse message;
  message.set_model(model.name);
  message.set_architecture(model.info.architecture);
  message.set_context_length(model.limits.context_length);
  message.set_vocabulary_size(model.limits.vocabulary_size);
  message.set_vocabulary_hash(model.vocabulary_hash);
  message.set_fingerprint(model.info.fingerprint);
  message.set_backend(model.info.backend);
  message.set_parameters(model.info.parameters);
  message.mutable_eos_ids()->Assign(model.limits.eos_ids.begin(),
                                    model.limits.eos_ids.end());
  *message.mutable_default_params() = ToProto(model.limits.defaults);
  message.add_features("n");
  message.add_features("resume");
  message.add_features("bypass_prefix_cache");
  message.add_features("bypass_speculation");
  message.add_features("request_timeouts");
  message.add_features("public_prefix");
  message.set_started_at(model.started_at_unix_seconds);
  return message;
}

}  // namespace sluice::generator
