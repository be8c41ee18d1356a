#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "grpcpp/channel.h"
#include "services/gateway/clients/outstanding.h"
#include "services/gateway/pipeline/ports.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::gateway {

// One Tokenizer over gRPC, as long as it serves one vocabulary.
// Threads: any. Calls in flight outlive it.
class TokenizerClient final : public TokenizerPort {
 public:
  // Answers made with another vocabulary than `vocabulary_hash` become
  // UNAVAILABLE: the service has been restarted with another model.
  // `clock` must outlive the client.
  TokenizerClient(std::shared_ptr<grpc::Channel> channel,
                  std::string vocabulary_hash, const Clock& clock,
                  std::shared_ptr<Outstanding> outstanding);

  std::shared_ptr<Call> Tokenize(const std::string& text, Nanos deadline,
                                 IdsCallback done) override;
  std::shared_ptr<Call> RenderChat(const api::ChatPrompt& prompt,
                                   Nanos deadline, IdsCallback done) override;

 private:
  // Turns an answer of either kind into ids, and counts the call.
  template <typename Response>
  std::function<void(absl::Status, Response&)> Counted(IdsCallback done);

  std::unique_ptr<tokenizer::v1::TokenizerService::Stub> stub_;
  const std::string vocabulary_hash_;
  const Clock& clock_;
  const std::shared_ptr<Outstanding> outstanding_;
};

}  // namespace sluice::gateway
