#include "services/gateway/grpc/messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "services/gateway/clients/params_proto.h"

namespace sluice::gateway {
namespace {

namespace pb = v1;

template <typename Message>
absl::StatusOr<Message> Parse(grpc::ByteBuffer bytes) {
  // protobuf would write a line of its own for each text that is not UTF-8.
  const google::protobuf::LogSilencer silencer;
  Message message;
  const grpc::Status status =
      grpc::SerializationTraits<Message>::Deserialize(&bytes, &message);
  if (status.ok()) return message;
  return FieldError("request", "is no valid " + Message::descriptor()->name() +
                                   ": malformed, or a text is not UTF-8");
}

absl::Status RefuseUnknownFields(const generator::v1::SamplingParams& params) {
  const auto& unknown = params.GetReflection()->GetUnknownFields(params);
  if (unknown.empty()) return absl::OkStatus();
  return FieldError("params", "has an unknown field",
                    absl::StrCat("number ", unknown.field(0).number()),
                    "the fields of SamplingParams");
}

template <typename Request>
absl::StatusOr<api::RequestOptions> OptionsOf(const Request& request) {
  RETURN_IF_ERROR(RefuseUnknownFields(request.params()));
  api::RequestOptions options;
  options.model = request.model();
  options.preset = request.preset();
  options.params = FromProto(request.params());
  options.request_id = request.request_id();
  options.bypass_prefix_cache = request.bypass_prefix_cache();
  if (request.has_queue_timeout_ms()) {
    options.queue_timeout_ms = request.queue_timeout_ms();
  }
  if (request.has_first_token_timeout_ms()) {
    options.first_token_timeout_ms = request.first_token_timeout_ms();
  }
  options.names.params_prefix = "params.";
  return options;
}

// Leaves `said` empty.
api::ChatMessage MessageOf(pb::ChatMessage& said) {
  api::ChatMessage message{.role = std::move(*said.mutable_role()),
                           .content = std::move(*said.mutable_content()),
                           .name = std::move(*said.mutable_name())};
  for (pb::ToolCall& call : *said.mutable_tool_calls()) {
    message.tool_calls.push_back(
        {.id = std::move(*call.mutable_id()),
         .name = std::move(*call.mutable_name()),
         .arguments_json = std::move(*call.mutable_arguments_json())});
  }
  message.tool_call_id = std::move(*said.mutable_tool_call_id());
  message.reasoning = std::move(*said.mutable_reasoning());
  return message;
}

generator::v1::FinishReason ToProto(api::FinishReason reason) {
  switch (reason) {
    case api::FinishReason::kEos:
      return generator::v1::FINISH_REASON_EOS;
    case api::FinishReason::kStop:
      return generator::v1::FINISH_REASON_STOP;
    case api::FinishReason::kLength:
      return generator::v1::FINISH_REASON_LENGTH;
  }
  return generator::v1::FINISH_REASON_UNSPECIFIED;
}

// Writes each kind of event into the message of that kind.
template <typename Response>
struct Fill {
  Response& out;

  void operator()(const api::Queued& event) {
    out.mutable_queued()->set_position(event.position);
  }
  void operator()(const api::Started& event) {
    pb::Started& started = *out.mutable_started();
    started.set_request_id(event.request_id);
    started.set_model(event.model);
    started.set_prompt_tokens(event.prompt_tokens);
    started.set_cached_tokens(event.cached_tokens);
    *started.mutable_effective_params() =
        gateway::ToProto(event.effective_params);
    started.set_fingerprint(event.fingerprint);
  }
  void operator()(const api::Progress& event) {
    out.mutable_progress()->set_prompt_tokens_done(event.prompt_tokens_done);
  }
  void operator()(const api::Delta& event) {
    pb::Delta& delta = *out.mutable_delta();
    delta.set_index(event.index);
    delta.set_text(event.text);
    delta.set_tokens(event.tokens);
    delta.set_reasoning(event.reasoning);
    for (const api::ToolCallDelta& call : event.tool_calls) {
      pb::ToolCallDelta& added = *delta.add_tool_calls();
      added.set_index(call.index);
      added.set_id(call.id);
      added.set_name(call.name);
      added.set_arguments_json(call.arguments_json);
    }
  }
  void operator()(const api::Finished& event) {
    pb::Finished& finished = *out.mutable_finished();
    finished.set_reason(ToProto(event.reason));
    finished.set_matched_stop(event.matched_stop);
    finished.mutable_usage()->set_prompt_tokens(event.usage.prompt_tokens);
    finished.mutable_usage()->set_cached_tokens(event.usage.cached_tokens);
    finished.mutable_usage()->set_generated_tokens(
        event.usage.generated_tokens);
    auto& timings = *finished.mutable_timings();
    timings.set_queue_seconds(event.timings.queue_seconds);
    timings.set_prefill_seconds(event.timings.prefill_seconds);
    timings.set_decode_seconds(event.timings.decode_seconds);
    finished.set_same_bits(event.same_bits);
  }
};

}  // namespace

absl::StatusOr<api::ChatRequest> ParseChat(const grpc::ByteBuffer& bytes) {
  ASSIGN_OR_RETURN(pb::ChatRequest message, Parse<pb::ChatRequest>(bytes));
  api::ChatRequest request;
  ASSIGN_OR_RETURN(request.options, OptionsOf(message));
  for (pb::ChatMessage& said : *message.mutable_messages()) {
    request.messages.push_back(MessageOf(said));
  }
  request.tools_json = std::move(*message.mutable_tools_json());
  request.template_kwargs_json =
      std::move(*message.mutable_template_kwargs_json());
  return request;
}

absl::StatusOr<api::CompletionRequest> ParseCompletion(
    const grpc::ByteBuffer& bytes) {
  ASSIGN_OR_RETURN(pb::CompleteRequest message,
                   Parse<pb::CompleteRequest>(bytes));
  api::CompletionRequest request;
  ASSIGN_OR_RETURN(request.options, OptionsOf(message));
  request.prompt = std::move(*message.mutable_prompt());
  return request;
}

template <typename Response>
Response ToResponse(const api::Event& event) {
  Response response;
  std::visit(Fill<Response>{response}, event);
  return response;
}

template pb::ChatResponse ToResponse<pb::ChatResponse>(const api::Event&);
template pb::CompleteResponse ToResponse<pb::CompleteResponse>(
    const api::Event&);

pb::Model ToProto(const ModelInfo& model) {
  pb::Model out;
  out.set_name(model.name);
  out.set_context_length(static_cast<int32_t>(model.context_length));
  out.set_chat(model.chat);
  out.set_parameters(model.parameters);
  return out;
}

}  // namespace sluice::gateway
