#pragma once

// sluice.tokenizer.v1.TokenizerService. Unary calls are computed on the gRPC
// thread that brings them: they never wait for anything.

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/tokenizer/service/batch.h"
#include "services/tokenizer/service/served_model.h"
#include "services/tokenizer/service/tokenizer_metrics.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::tokenizer {

struct TokenizerServiceOptions {
  // An answer that would be longer is an error.
  int64_t max_response_bytes = 4 << 20;
  // Requests of one batch call.
  int max_batch_requests = BatchLimits().max_requests;
  // Vocabulary chunks end once they are this long; an entry may add 64 KiB.
  int64_t chunk_bytes = 512 << 10;
};

// Threads: any.
class TokenizerService final : public v1::TokenizerService::CallbackService {
 public:
  // `model` and `metrics` are lent until no call runs any more.
  TokenizerService(const ServedModel& model, TokenizerMetrics& metrics,
                   TokenizerServiceOptions options = {})
      : model_(model), metrics_(metrics), options_(options) {}

  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(
      grpc::CallbackServerContext* context,
      const v1::DetokenizeRequest* request,
      v1::DetokenizeResponse* response) override;
  grpc::ServerBidiReactor<v1::DetokenizeStreamRequest,
                          v1::DetokenizeStreamResponse>*
  DetokenizeStream(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* RenderChat(
      grpc::CallbackServerContext* context,
      const v1::RenderChatRequest* request,
      v1::RenderChatResponse* response) override;
  grpc::ServerUnaryReactor* BatchTokenize(
      grpc::CallbackServerContext* context,
      const v1::BatchTokenizeRequest* request,
      v1::BatchTokenizeResponse* response) override;
  grpc::ServerUnaryReactor* BatchDetokenize(
      grpc::CallbackServerContext* context,
      const v1::BatchDetokenizeRequest* request,
      v1::BatchDetokenizeResponse* response) override;
  grpc::ServerUnaryReactor* BatchRenderChat(
      grpc::CallbackServerContext* context,
      const v1::BatchRenderChatRequest* request,
      v1::BatchRenderChatResponse* response) override;
  grpc::ServerUnaryReactor* CountTokens(
      grpc::CallbackServerContext* context,
      const v1::CountTokensRequest* request,
      v1::CountTokensResponse* response) override;
  grpc::ServerWriteReactor<v1::GetVocabularyResponse>* GetVocabulary(
      grpc::CallbackServerContext* context,
      const v1::GetVocabularyRequest* request) override;
  grpc::ServerUnaryReactor* GetTokenizerInfo(
      grpc::CallbackServerContext* context,
      const v1::GetTokenizerInfoRequest* request,
      v1::GetTokenizerInfoResponse* response) override;

 private:
  struct Prompt {
    RenderedChat chat;
    std::vector<int32_t> ids;
  };

  absl::StatusOr<Encoding> Encode(const v1::TokenizeRequest& request);
  absl::StatusOr<Prompt> Render(const v1::RenderChatRequest& request);
  absl::StatusOr<int32_t> Count(const v1::CountTokensRequest& request);
  absl::Status FillTokenize(const v1::TokenizeRequest& request,
                            v1::TokenizeResponse& response);
  absl::Status FillDetokenize(const v1::DetokenizeRequest& request,
                              v1::DetokenizeResponse& response);
  absl::Status FillRenderChat(const v1::RenderChatRequest& request,
                              v1::RenderChatResponse& response);
  absl::Status FillInfo(v1::GetTokenizerInfoResponse& response) const;
  // Answers each request of a batch by `fill`, a member that answers one.
  template <typename Batch, typename Answers, typename Fill>
  grpc::ServerUnaryReactor* FinishBatch(grpc::CallbackServerContext* context,
                                        std::string_view method,
                                        const Batch& batch, Fill fill,
                                        Answers& answers);
  // Ends a unary call; an answer over the limit becomes an error.
  grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                   std::string_view method, absl::Status status,
                                   const google::protobuf::Message& response);

  const ServedModel& model_;
  TokenizerMetrics& metrics_;
  const TokenizerServiceOptions options_;
};

}  // namespace sluice::tokenizer
