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
    FillRules(*chunk_.mutable_decode_rules());
    WriteChunk();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("stream: the client is gone"));
    if (next_ == vocabulary_.size()) return End(absl::OkStatus());
    WriteChunk();
  }

  void OnDone() override { delete this; }

 private:
  void FillRules(v1::DecodeRules& out) const {
    const DecodeRules& rules = vocabulary_.rules();
    out.set_strip_leading_space(rules.strip_leading_space);
    out.set_strip_content(rules.strip_content);
    out.set_strip_leading(rules.strip_leading);
    out.set_strip_trailing(rules.strip_trailing);
    out.set_collapse_repeats(rules.collapse_repeats);
  }

  // Returns about how many bytes the entry takes.
  static int64_t Fill(const VocabularyEntry& entry, v1::VocabularyEntry& out) {
    size_t bytes = entry.bytes.size();
    out.set_bytes(entry.bytes);
    out.set_special(entry.special);
    if (entry.first_bytes.has_value()) {
      out.set_first_bytes(*entry.first_bytes);
      bytes += entry.first_bytes->size() + kEntryOverhead;
    }
    if (entry.last_bytes.has_value()) {
      out.set_last_bytes(*entry.last_bytes);
      bytes += entry.last_bytes->size() + kEntryOverhead;
    }
    return static_cast<int64_t>(bytes) + kEntryOverhead;
  }

  void WriteChunk() {
    chunk_.set_first_id(next_);
    chunk_.clear_entries();
    int64_t bytes = 0;
    while (next_ < vocabulary_.size() && bytes < chunk_bytes_) {
      bytes += Fill(*vocabulary_.entry(next_), *chunk_.add_entries());
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
