#include "services/tokenizer/service/vocabulary_stream.h"

#include <string>

#include "absl/status/status.h"
#include "common/rpc/status.h"

namespace sluice::tokenizer {
namespace {

constexpr int64_t kEntryOverhead = 12;  // tags and lengths, at most

// Threads: gRPC's, one at a time.
class VocabularyStreamCall final
    : public grpc::ServerWriteReactor<v1::GetVocabularyResponse> {
 public:
  VocabularyStreamCall(const Vocabulary& vocabulary, TokenizerMetrics& metrics,
                       int64_t chunk_bytes)
      : vocabulary_(vocabulary), metrics_(metrics), chunk_bytes_(chunk_bytes) {
    chunk_.set_vocabulary_hash(vocabulary_.hash());
    chunk_.set_size(vocabulary_.size());
    chunk_.mutable_decode_rules()->set_strip_leading_space(
        vocabulary_.rules().strip_leading_space);
    WriteChunk();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("stream: the client is gone"));
    if (next_ == vocabulary_.size()) return End(absl::OkStatus());
    WriteChunk();
  }

  void OnDone() override { delete this; }

 private:
  void WriteChunk() {
    chunk_.set_first_id(next_);
    chunk_.clear_entries();
    int64_t bytes = 0;
    while (next_ < vocabulary_.size() && bytes < chunk_bytes_) {
      const std::string_view text = vocabulary_.bytes(next_);
      v1::VocabularyEntry& entry = *chunk_.add_entries();
      entry.set_bytes(std::string(text));
      entry.set_special(vocabulary_.special(next_));
      bytes += static_cast<int64_t>(text.size()) + kEntryOverhead;
      ++next_;
    }
    StartWrite(&chunk_);
  }

  void End(const absl::Status& status) {
    metrics_.CountRequest("GetVocabulary", status.code());
    Finish(ToGrpcStatus(status));
  }

  const Vocabulary& vocabulary_;
  TokenizerMetrics& metrics_;
  const int64_t chunk_bytes_;
  int32_t next_ = 0;  // first id of the next chunk
  v1::GetVocabularyResponse chunk_;
};

}  // namespace

grpc::ServerWriteReactor<v1::GetVocabularyResponse>* MakeVocabularyStream(
    const Vocabulary& vocabulary, TokenizerMetrics& metrics,
    int64_t chunk_bytes) {
  return new VocabularyStreamCall(vocabulary, metrics, chunk_bytes);
}

}  // namespace sluice::tokenizer
