#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/vocabulary/vocabulary.h"
#include "services/gateway/clients/endpoint.h"
#include "services/gateway/clients/tokenizer_client.h"

namespace sluice::gateway {

// What a healthy Tokenizer serves.
struct TokenizerState {
  bool has_chat_template = false;
  AnswerForm form;
  std::shared_ptr<const Vocabulary> vocabulary;
  std::shared_ptr<TokenizerClient> client;
  int64_t outstanding = 0;
};

// Fetches the vocabulary once for each hash. Threads: any.
class TokenizerEndpoint final : public Endpoint {
 public:
  TokenizerEndpoint(std::string address, const Clock& clock, Logger& log);

  // Nothing while it is not ready.
  std::optional<TokenizerState> state() const;

 private:
  void Probe() override;
  void OnInfo(const absl::Status& status,
              const tokenizer::v1::GetTokenizerInfoResponse& info);
  void OnVocabulary(
      const tokenizer::v1::GetTokenizerInfoResponse& info,
      absl::StatusOr<std::shared_ptr<const Vocabulary>> vocabulary);
  void Keep(const tokenizer::v1::GetTokenizerInfoResponse& info,
            std::shared_ptr<const Vocabulary> vocabulary);

  const std::unique_ptr<tokenizer::v1::TokenizerService::Stub> stub_;
  mutable absl::Mutex mutex_;
  TokenizerState state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
