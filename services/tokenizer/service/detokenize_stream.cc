#include "services/tokenizer/service/detokenize_stream.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/rpc/status.h"
#include "common/vocabulary/stream_decoder.h"

namespace sluice::tokenizer {
namespace {

// One operation is under way at a time, so nothing here is shared.
// Threads: gRPC's, one at a time.
class DetokenizeStreamCall final
    : public grpc::ServerBidiReactor<v1::DetokenizeStreamRequest,
                                     v1::DetokenizeStreamResponse> {
 public:
  DetokenizeStreamCall(const Vocabulary& vocabulary, TokenizerMetrics& metrics,
                       int64_t limit_bytes)
      : vocabulary_(vocabulary), metrics_(metrics), limit_bytes_(limit_bytes) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return WriteRest();
    const absl::Status status =
        CheckIds(vocabulary_, request_.ids(), limit_bytes_);
    if (!status.ok()) return End(status);
    if (!decoder_.has_value()) {
      decoder_.emplace(vocabulary_, !request_.has_skip_special_tokens() ||
                                        request_.skip_special_tokens());
    }
    {
      const StageTimer timer(metrics_.decode_seconds);
      response_.set_text(decoder_->Push(request_.ids()));
    }
    metrics_.decoded_tokens.Increment(request_.ids_size());
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("stream: the client is gone"));
    if (at_end_) return End(absl::OkStatus());
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  void WriteRest() {
    at_end_ = true;
    response_.set_text(decoder_.has_value() ? decoder_->Finish() : "");
    if (response_.text().empty()) return End(absl::OkStatus());
    StartWrite(&response_);
  }

  void End(const absl::Status& status) {
    metrics_.CountRequest("DetokenizeStream", status.code());
    Finish(ToGrpcStatus(status));
  }

  const Vocabulary& vocabulary_;
  TokenizerMetrics& metrics_;
  const int64_t limit_bytes_;
  std::optional<StreamDecoder> decoder_;  // from the first message on
  bool at_end_ = false;
  v1::DetokenizeStreamRequest request_;
  v1::DetokenizeStreamResponse response_;
};

}  // namespace

absl::Status CheckIds(const Vocabulary& vocabulary,
                      absl::Span<const int32_t> ids, int64_t limit_bytes) {
  int64_t bytes = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) {
      return FieldError(absl::StrCat("ids[", i, "]"), "negative",
                        absl::StrCat(ids[i]), "0 or more");
    }
    bytes += static_cast<int64_t>(vocabulary.bytes(ids[i]).size());
    if (bytes > limit_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "ids: their text is too long, limit ", limit_bytes, " bytes"));
    }
  }
  return absl::OkStatus();
}

grpc::ServerBidiReactor<v1::DetokenizeStreamRequest,
                        v1::DetokenizeStreamResponse>*
MakeDetokenizeStream(const Vocabulary& vocabulary, TokenizerMetrics& metrics,
                     int64_t limit_bytes) {
  return new DetokenizeStreamCall(vocabulary, metrics, limit_bytes);
}

}  // namespace sluice::tokenizer
