#include "services/gateway/clients/tokenizer_endpoint.h"

#include <algorithm>
#include <utility>

#include "common/rpc/channel.h"
#include "services/gateway/clients/unary_call.h"
#include "services/gateway/clients/vocabulary_fetch.h"

namespace sluice::gateway {
namespace {

namespace pb = tokenizer::v1;

constexpr Nanos kInfoTimeout = 5 * kNanosPerSecond;
constexpr Nanos kVocabularyTimeout = 30 * kNanosPerSecond;

}  // namespace

TokenizerEndpoint::TokenizerEndpoint(std::string address, const Clock& clock,
                                     Logger& log)
    : Endpoint("tokenizer", std::move(address), ChannelOptions(), clock, log),
      stub_(pb::TokenizerService::NewStub(channel())) {}

std::optional<TokenizerState> TokenizerEndpoint::state() const {
  if (!ready()) return std::nullopt;
  absl::MutexLock lock(&mutex_);
  TokenizerState state = state_;
  state.outstanding = outstanding()->count();
  return state;
}

void TokenizerEndpoint::Probe() {
  using InfoCall =
      UnaryCall<pb::GetTokenizerInfoRequest, pb::GetTokenizerInfoResponse>;
  auto call = std::make_shared<InfoCall>();
  SetTimeout(call->context, kInfoTimeout);
  KeepCall(call);
  const auto self =
      std::static_pointer_cast<TokenizerEndpoint>(shared_from_this());
  stub_->async()->GetTokenizerInfo(
      &call->context, &call->request, &call->response,
      InfoCall::Completion(call,
                           [self](const absl::Status& status,
                                  const pb::GetTokenizerInfoResponse& info) {
                             self->OnInfo(status, info);
                           }));
}

void TokenizerEndpoint::OnInfo(const absl::Status& status,
                               const pb::GetTokenizerInfoResponse& info) {
  if (!status.ok()) return Probed(status);
  std::shared_ptr<const Vocabulary> known;
  {
    absl::MutexLock lock(&mutex_);
    known = state_.vocabulary;
  }
  if (known != nullptr && known->hash() == info.vocabulary_hash()) {
    Keep(info, std::move(known));
    return Probed(absl::OkStatus());
  }
  const auto self =
      std::static_pointer_cast<TokenizerEndpoint>(shared_from_this());
  KeepCall(FetchVocabulary(
      channel(), info.vocabulary_hash(), kVocabularyTimeout,
      [self,
       info](absl::StatusOr<std::shared_ptr<const Vocabulary>> vocabulary) {
        self->OnVocabulary(info, std::move(vocabulary));
      }));
}

void TokenizerEndpoint::OnVocabulary(
    const pb::GetTokenizerInfoResponse& info,
    absl::StatusOr<std::shared_ptr<const Vocabulary>> vocabulary) {
  if (!vocabulary.ok()) return Probed(vocabulary.status());
  Keep(info, *std::move(vocabulary));
  Probed(absl::OkStatus());
}

void TokenizerEndpoint::Keep(const pb::GetTokenizerInfoResponse& info,
                             std::shared_ptr<const Vocabulary> vocabulary) {
  const auto& features = info.features();
  const bool tools =
      std::find(features.begin(), features.end(), "tools") != features.end();
  AnswerForm form = MakeAnswerForm(info.answer_format(), tools, *vocabulary);
  auto client = std::make_shared<TokenizerClient>(channel(), vocabulary->hash(),
                                                  clock(), outstanding());
  absl::MutexLock lock(&mutex_);
  state_.has_chat_template = info.has_chat_template();
  state_.form = std::move(form);
  state_.vocabulary = std::move(vocabulary);
  state_.client = std::move(client);
}

}  // namespace sluice::gateway
