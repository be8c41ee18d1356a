#include "services/tokenizer/service/tokenizer_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "common/rpc/status.h"
#include "services/tokenizer/service/conversions.h"
#include "services/tokenizer/service/detokenize_stream.h"
#include "services/tokenizer/service/vocabulary_stream.h"

namespace sluice::tokenizer {
namespace {

using Context = grpc::CallbackServerContext;

absl::Status CheckLength(const google::protobuf::Message& response,
                         int64_t limit) {
  const auto bytes = static_cast<int64_t>(response.ByteSizeLong());
  if (bytes <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("response: too long, got ", bytes, " bytes, limit ", limit));
}

}  // namespace

grpc::ServerUnaryReactor* TokenizerService::Finish(
    Context* context, std::string_view method, absl::Status status,
    const google::protobuf::Message& response) {
  if (status.ok()) status = CheckLength(response, options_.max_response_bytes);
  metrics_.CountRequest(method, status.code());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

absl::StatusOr<Encoding> TokenizerService::Encode(
    const v1::TokenizeRequest& request) {
  const StageTimer timer(metrics_.encode_seconds);
  const EncodeOptions options = ToEncodeOptions(request);
  Encoding encoding;
  if (request.with_offsets()) {
    ASSIGN_OR_RETURN(
        encoding, model_.tokenizer->EncodeWithOffsets(request.text(), options));
  } else {
    ASSIGN_OR_RETURN(encoding.ids,
                     model_.tokenizer->Encode(request.text(), options));
  }
  metrics_.encoded_tokens.Increment(static_cast<double>(encoding.ids.size()));
  return encoding;
}

absl::StatusOr<TokenizerService::Prompt> TokenizerService::Render(
    const v1::RenderChatRequest& request) {
  Prompt prompt;
  {
    const StageTimer timer(metrics_.template_seconds);
    ASSIGN_OR_RETURN(prompt.chat, model_.chat->Render(ToChatInput(request)));
  }
  const StageTimer timer(metrics_.encode_seconds);
  ASSIGN_OR_RETURN(prompt.ids, model_.EncodeChat(prompt.chat));
  metrics_.encoded_tokens.Increment(static_cast<double>(prompt.ids.size()));
  return prompt;
}

absl::StatusOr<int32_t> TokenizerService::Count(
    const v1::CountTokensRequest& request) {
  if (request.has_text()) {
    ASSIGN_OR_RETURN(Encoding encoding, Encode(request.text()));
    return static_cast<int32_t>(encoding.ids.size());
  }
  if (request.has_chat()) {
    ASSIGN_OR_RETURN(Prompt prompt, Render(request.chat()));
    return static_cast<int32_t>(prompt.ids.size());
  }
  return FieldError("input", "missing", "neither text nor chat", "one of them");
}

absl::Status TokenizerService::FillTokenize(const v1::TokenizeRequest& request,
                                            v1::TokenizeResponse& response) {
  ASSIGN_OR_RETURN(Encoding encoding, Encode(request));
  FillEncoding(encoding, response);
  response.set_vocabulary_hash(model_.tokenizer->vocabulary().hash());
  return absl::OkStatus();
}

absl::Status TokenizerService::FillDetokenize(
    const v1::DetokenizeRequest& request, v1::DetokenizeResponse& response) {
  const Vocabulary& vocabulary = model_.tokenizer->vocabulary();
  RETURN_IF_ERROR(
      CheckIds(vocabulary, request.ids(), options_.max_response_bytes));
  const StageTimer timer(metrics_.decode_seconds);
  const bool skip =
      !request.has_skip_special_tokens() || request.skip_special_tokens();
  response.set_text(model_.tokenizer->Decode(request.ids(), skip));
  metrics_.decoded_tokens.Increment(request.ids_size());
  return absl::OkStatus();
}

absl::Status TokenizerService::FillRenderChat(
    const v1::RenderChatRequest& request, v1::RenderChatResponse& response) {
  ASSIGN_OR_RETURN(Prompt prompt, Render(request));
  response.mutable_ids()->Add(prompt.ids.begin(), prompt.ids.end());
  if (request.with_text()) response.set_text(prompt.chat.Text());
  response.set_vocabulary_hash(model_.tokenizer->vocabulary().hash());
  return absl::OkStatus();
}

absl::Status TokenizerService::FillInfo(
    v1::GetTokenizerInfoResponse& response) const {
  const Vocabulary& vocabulary = model_.tokenizer->vocabulary();
  response.set_model(model_.name);
  response.set_vocabulary_size(vocabulary.size());
  response.set_vocabulary_hash(vocabulary.hash());
  response.set_has_chat_template(model_.chat->has_template());
  response.mutable_eos_ids()->Add(model_.eos_ids.begin(), model_.eos_ids.end());
  response.set_kind(std::string(model_.tokenizer->kind()));
  for (const char* feature : {"offsets", "batch", "template_name"}) {
    response.add_features(feature);
  }
  if (model_.habits.shows_tools && model_.habits.writes_calls) {
    response.add_features("tools");
  }
  response.set_answer_format(model_.habits.format);
  for (const std::string& name : model_.chat->template_names()) {
    response.add_template_names(name);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* TokenizerService::Tokenize(
    Context* context, const v1::TokenizeRequest* request,
    v1::TokenizeResponse* response) {
  return Finish(context, "Tokenize", FillTokenize(*request, *response),
                *response);
}

grpc::ServerUnaryReactor* TokenizerService::Detokenize(
    Context* context, const v1::DetokenizeRequest* request,
    v1::DetokenizeResponse* response) {
  return Finish(context, "Detokenize", FillDetokenize(*request, *response),
                *response);
}

grpc::ServerBidiReactor<v1::DetokenizeStreamRequest,
                        v1::DetokenizeStreamResponse>*
TokenizerService::DetokenizeStream(Context* context) {
  return MakeDetokenizeStream(model_.tokenizer->vocabulary(), metrics_,
                              options_.max_response_bytes);
}

grpc::ServerUnaryReactor* TokenizerService::RenderChat(
    Context* context, const v1::RenderChatRequest* request,
    v1::RenderChatResponse* response) {
  return Finish(context, "RenderChat", FillRenderChat(*request, *response),
                *response);
}

template <typename Batch, typename Answers, typename Fill>
grpc::ServerUnaryReactor* TokenizerService::FinishBatch(Context* context,
                                                        std::string_view method,
                                                        const Batch& batch,
                                                        Fill fill,
                                                        Answers& answers) {
  const BatchLimits limits{.max_requests = options_.max_batch_requests,
                           .max_response_bytes = options_.max_response_bytes};
  const absl::Status status = AnswerBatch(
      batch, limits, [context] { return context->IsCancelled(); },
      [this, fill](const auto& request, auto& response) {
        return (this->*fill)(request, response);
      },
      answers);
  return Finish(context, method, status, answers);
}

grpc::ServerUnaryReactor* TokenizerService::BatchTokenize(
    Context* context, const v1::BatchTokenizeRequest* request,
    v1::BatchTokenizeResponse* response) {
  return FinishBatch(context, "BatchTokenize", *request,
                     &TokenizerService::FillTokenize, *response);
}

grpc::ServerUnaryReactor* TokenizerService::BatchDetokenize(
    Context* context, const v1::BatchDetokenizeRequest* request,
    v1::BatchDetokenizeResponse* response) {
  return FinishBatch(context, "BatchDetokenize", *request,
                     &TokenizerService::FillDetokenize, *response);
}

grpc::ServerUnaryReactor* TokenizerService::BatchRenderChat(
    Context* context, const v1::BatchRenderChatRequest* request,
    v1::BatchRenderChatResponse* response) {
  return FinishBatch(context, "BatchRenderChat", *request,
                     &TokenizerService::FillRenderChat, *response);
}

grpc::ServerUnaryReactor* TokenizerService::CountTokens(
    Context* context, const v1::CountTokensRequest* request,
    v1::CountTokensResponse* response) {
  absl::StatusOr<int32_t> tokens = Count(*request);
  if (tokens.ok()) response->set_tokens(*tokens);
  return Finish(context, "CountTokens", tokens.status(), *response);
}

grpc::ServerWriteReactor<v1::GetVocabularyResponse>*
TokenizerService::GetVocabulary(Context* context,
                                const v1::GetVocabularyRequest* request) {
  return MakeVocabularyStream(model_.tokenizer->vocabulary(), metrics_,
                              options_.chunk_bytes);
}

grpc::ServerUnaryReactor* TokenizerService::GetTokenizerInfo(
    Context* context, const v1::GetTokenizerInfoRequest* request,
    v1::GetTokenizerInfoResponse* response) {
  return Finish(context, "GetTokenizerInfo", FillInfo(*response), *response);
}

}  // namespace sluice::tokenizer
