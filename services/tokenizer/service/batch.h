#pragma once

// Calls that carry many requests: each is answered as it would be alone.

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/base/status_macros.h"

namespace sluice::tokenizer {

struct BatchLimits {
  int max_requests = 256;
  int64_t max_response_bytes = 4 << 20;  // all answers together
};

// The error of request `index` as one of the batch: its field stands behind
// "requests[index].".
absl::Status InBatch(int index, const absl::Status& status);

absl::Status CheckBatchCount(int count, const BatchLimits& limits);
absl::Status CheckBatchBytes(int64_t bytes, int index,
                             const BatchLimits& limits);

// Answers `requests` in their order into `responses`; the first error ends it.
// Errors: those of `answer` as InBatch says, INVALID_ARGUMENT (too many),
// RESOURCE_EXHAUSTED (answers too long together), CANCELLED.
template <typename Batch, typename Answers, typename Answer>
absl::Status AnswerBatch(const Batch& batch, const BatchLimits& limits,
                         absl::FunctionRef<bool()> cancelled, Answer answer,
                         Answers& answers) {
  RETURN_IF_ERROR(CheckBatchCount(batch.requests_size(), limits));
  int64_t bytes = 0;
  for (int i = 0; i < batch.requests_size(); ++i) {
    // A batch takes as long as all its requests: nobody may wait any more.
    if (cancelled()) return absl::CancelledError("batch: cancelled");
    auto& made = *answers.add_responses();
    const absl::Status status = answer(batch.requests(i), made);
    if (!status.ok()) return InBatch(i, status);
    bytes += static_cast<int64_t>(made.ByteSizeLong());
    RETURN_IF_ERROR(CheckBatchBytes(bytes, i, limits));
  }
  return absl::OkStatus();
}

}  // namespace sluice::tokenizer
