#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/vocabulary/vocabulary.h"
#include "services/tokenizer/service/tokenizer_metrics.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::tokenizer {

// INVALID_ARGUMENT for a negative id, RESOURCE_EXHAUSTED when the bytes of all
// together pass `limit_bytes`.
absl::Status CheckIds(const Vocabulary& vocabulary,
                      absl::Span<const int32_t> ids, int64_t limit_bytes);

// One DetokenizeStream call: an answer for each message, also for one that
// completes no character, and at the end what is left. Deletes itself.
// `vocabulary` and `metrics` must outlive the call.
grpc::ServerBidiReactor<v1::DetokenizeStreamRequest,
                        v1::DetokenizeStreamResponse>*
MakeDetokenizeStream(const Vocabulary& vocabulary, TokenizerMetrics& metrics,
                     int64_t limit_bytes);

}  // namespace sluice::tokenizer
