#include "services/gateway/clients/tokenizer_client.h"

#include <utility>

#include "common/base/error_info.h"
#include "common/rpc/channel.h"
#include "services/gateway/clients/connection_error.h"
#include "services/gateway/clients/unary_call.h"

namespace sluice::gateway {
namespace {

namespace pb = tokenizer::v1;

// gRPC refuses answers over the message limit without a reason: so many ids
// fit no context either.
absl::Status FromTokenizer(const absl::Status& status) {
  if (absl::IsResourceExhausted(status) && !RetryDelayOf(status) &&
      !ReasonOf(status)) {
    return WithReason(FieldError("prompt", "is longer than the context",
                                 "more tokens than a message holds"),
                      kReasonContextLengthExceeded);
  }
  return WithoutConnectionDetails(status);
}

// Templates tell a message that only calls tools from one that says nothing.
void Fill(const api::ChatMessage& message, pb::ChatMessage& out) {
  out.set_role(message.role);
  if (!message.content.empty() || message.tool_calls.empty()) {
    out.set_content(message.content);
  }
  if (!message.name.empty()) out.set_name(message.name);
  for (const api::ToolCall& call : message.tool_calls) {
    pb::ToolCall& added = *out.add_tool_calls();
    added.set_id(call.id);
    added.set_name(call.name);
    added.set_arguments_json(call.arguments_json);
  }
  if (!message.tool_call_id.empty()) {
    out.set_tool_call_id(message.tool_call_id);
  }
  if (!message.reasoning.empty()) {
    out.set_reasoning_content(message.reasoning);
  }
}

template <typename Response>
absl::StatusOr<std::vector<int32_t>> TakeIds(const absl::Status& status,
                                             const Response& response,
                                             const std::string& hash) {
  if (!status.ok()) return FromTokenizer(status);
  if (response.vocabulary_hash() != hash) {
    return absl::UnavailableError("it now serves another vocabulary");
  }
  return std::vector<int32_t>(response.ids().begin(), response.ids().end());
}

}  // namespace

TokenizerClient::TokenizerClient(std::shared_ptr<grpc::Channel> channel,
                                 std::string vocabulary_hash,
                                 const Clock& clock,
                                 std::shared_ptr<Outstanding> outstanding)
    : stub_(pb::TokenizerService::NewStub(channel)),
      vocabulary_hash_(std::move(vocabulary_hash)),
      clock_(clock),
      outstanding_(std::move(outstanding)) {}

template <typename Response>
std::function<void(absl::Status, Response&)> TokenizerClient::Counted(
    IdsCallback done) {
  outstanding_->Add();
  return [done = std::move(done), hash = vocabulary_hash_,
          outstanding = outstanding_](absl::Status status, Response& response) {
    outstanding->Remove();
    done(TakeIds(status, response, hash));
  };
}

std::shared_ptr<Call> TokenizerClient::Tokenize(const std::string& text,
                                                Nanos deadline,
                                                IdsCallback done) {
  using TokenizeCall = UnaryCall<pb::TokenizeRequest, pb::TokenizeResponse>;
  auto call = std::make_shared<TokenizeCall>();
  SetTimeout(call->context, deadline - clock_.Now());
  call->request.set_text(text);
  stub_->async()->Tokenize(
      &call->context, &call->request, &call->response,
      TokenizeCall::Completion(call,
                               Counted<pb::TokenizeResponse>(std::move(done))));
  return call;
}

std::shared_ptr<Call> TokenizerClient::RenderChat(const api::ChatPrompt& prompt,
                                                  Nanos deadline,
                                                  IdsCallback done) {
  using RenderCall = UnaryCall<pb::RenderChatRequest, pb::RenderChatResponse>;
  auto call = std::make_shared<RenderCall>();
  SetTimeout(call->context, deadline - clock_.Now());
  for (const api::ChatMessage& message : prompt.messages) {
    Fill(message, *call->request.add_messages());
  }
  call->request.set_tools_json(prompt.tools_json);
  call->request.set_template_kwargs_json(prompt.template_kwargs_json);
  stub_->async()->RenderChat(
      &call->context, &call->request, &call->response,
      RenderCall::Completion(call,
                             Counted<pb::RenderChatResponse>(std::move(done))));
  return call;
}

}  // namespace sluice::gateway
