#include "services/generator/scheduler/admission.h"

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"

namespace sluice::generator {
namespace {

absl::Status QueueFull(const char* what, int64_t got, int64_t limit,
                       int32_t retry_delay_ms) {
  return WithRetryDelay(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                       "queue: too many ", what, ", got ", got,
                                       ", limit ", limit)),
                                   kReasonQueueFull),
                        retry_delay_ms * kNanosPerMilli);
}

}  // namespace

absl::Status CheckFits(const Request& request, const SchedulerModel& model) {
  const int64_t positions = request.max_positions();
  const int64_t needed = (positions + model.block_size - 1) / model.block_size;
  if (needed <= model.block_count) return absl::OkStatus();
  return FieldError("prompt_ids",
                    "prompt and output can never fit the KV cache",
                    absl::StrCat(positions, " tokens in ", needed, " blocks"),
                    absl::StrCat(model.block_count, " blocks"));
}

absl::Status CheckQueue(const Request& request, const QueueLoad& queue,
                        const SchedulerOptions& options) {
  if (queue.requests >= options.max_queued_requests) {
    return QueueFull("requests", queue.requests + 1,
                     options.max_queued_requests, options.retry_delay_ms);
  }
  const int64_t tokens = queue.tokens + request.cost_tokens();
  if (queue.requests > 0 && tokens > options.max_queued_tokens) {
    return QueueFull("tokens", tokens, options.max_queued_tokens,
                     options.retry_delay_ms);
  }
  return absl::OkStatus();
}

}  // namespace sluice::generator
