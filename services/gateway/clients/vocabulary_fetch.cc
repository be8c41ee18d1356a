#include "services/gateway/clients/vocabulary_fetch.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "grpcpp/client_context.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::gateway {
namespace {

namespace pb = tokenizer::v1;

constexpr int32_t kMaxEntries = 1 << 24;

class Fetch final : public grpc::ClientReadReactor<pb::GetVocabularyResponse>,
                    public Call {
 public:
  Fetch(const std::shared_ptr<grpc::Channel>& channel,
        std::string expected_hash, VocabularyCallback done)
      : stub_(pb::TokenizerService::NewStub(channel)),
        expected_hash_(std::move(expected_hash)),
        done_(std::move(done)) {}

  void Start(std::shared_ptr<Fetch> self, Nanos timeout) {
    self_ = std::move(self);
    SetTimeout(context_, timeout);
    stub_->async()->GetVocabulary(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void Cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    error_ = TakeChunk();
    if (!error_.ok()) return context_.TryCancel();
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Fetch> self = std::move(self_);
    if (!error_.ok()) return done_(error_);
    if (!status.ok()) return done_(FromGrpcStatus(status));
    done_(Build());
  }

 private:
  absl::Status TakeChunk() {
    if (response_.first_id() != static_cast<int64_t>(entries_.size())) {
      return absl::DataLossError(
          absl::StrCat("vocabulary: a gap, got first_id ", response_.first_id(),
                       ", limit ", entries_.size()));
    }
    if (response_.size() < 0 || response_.size() > kMaxEntries) {
      return absl::DataLossError(absl::StrCat("vocabulary: bad size, got ",
                                              response_.size(), ", limit ",
                                              kMaxEntries));
    }
    size_ = static_cast<size_t>(response_.size());
    if (entries_.size() + response_.entries_size() > size_) {
      return absl::DataLossError(absl::StrCat(
          "vocabulary: more entries than announced, limit ", size_));
    }
    for (pb::VocabularyEntry& entry : *response_.mutable_entries()) {
      VocabularyEntry made{.bytes = std::move(*entry.mutable_bytes()),
                           .special = entry.special()};
      if (entry.has_first_bytes()) made.first_bytes = entry.first_bytes();
      if (entry.has_last_bytes()) made.last_bytes = entry.last_bytes();
      entries_.push_back(std::move(made));
    }
    const pb::DecodeRules& rules = response_.decode_rules();
    rules_ = {.strip_leading_space = rules.strip_leading_space(),
              .strip_content = rules.strip_content(),
              .strip_leading = rules.strip_leading(),
              .strip_trailing = rules.strip_trailing(),
              .collapse_repeats = rules.collapse_repeats()};
    return absl::OkStatus();
  }

  absl::StatusOr<std::shared_ptr<const Vocabulary>> Build() {
    if (entries_.size() != size_) {
      return absl::DataLossError(absl::StrCat(
          "vocabulary: incomplete, got ", entries_.size(), ", limit ", size_));
    }
    ASSIGN_OR_RETURN(Vocabulary vocabulary,
                     Vocabulary::Create(std::move(entries_), rules_));
    if (vocabulary.hash() != expected_hash_) {
      return absl::DataLossError(absl::StrCat("vocabulary: another hash, got ",
                                              vocabulary.hash(), ", limit ",
                                              expected_hash_));
    }
    return std::make_shared<const Vocabulary>(std::move(vocabulary));
  }

  const std::unique_ptr<pb::TokenizerService::Stub> stub_;
  const std::string expected_hash_;
  const VocabularyCallback done_;
  std::shared_ptr<Fetch> self_;  // until OnDone
  grpc::ClientContext context_;
  pb::GetVocabularyRequest request_;
  pb::GetVocabularyResponse response_;
  absl::Status error_;
  size_t size_ = 0;
  std::vector<VocabularyEntry> entries_;
  DecodeRules rules_;
};

}  // namespace

std::shared_ptr<Call> FetchVocabulary(std::shared_ptr<grpc::Channel> channel,
                                      std::string expected_hash, Nanos timeout,
                                      VocabularyCallback done) {
  auto fetch = std::make_shared<Fetch>(channel, std::move(expected_hash),
                                       std::move(done));
  fetch->Start(fetch, timeout);
  return fetch;
}

}  // namespace sluice::gateway
