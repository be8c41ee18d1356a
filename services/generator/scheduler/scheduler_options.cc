#include "services/generator/scheduler/scheduler_options.h"

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

absl::Status CheckAtLeast(const char* field, int64_t got, int64_t least) {
  if (got >= least) return absl::OkStatus();
  return FieldError(field, "too small", absl::StrCat(got),
                    absl::StrCat("at least ", least));
}

absl::Status CheckRange(const char* field, int64_t got, int64_t least,
                        int64_t most) {
  if (got >= least && got <= most) return absl::OkStatus();
  return FieldError(field, "out of range", absl::StrCat(got),
                    absl::StrCat(least, " to ", most));
}

}  // namespace

absl::Status CheckOptions(const SchedulerOptions& options) {
  RETURN_IF_ERROR(CheckAtLeast("max_batch_size", options.max_batch_size, 1));
  RETURN_IF_ERROR(CheckAtLeast("min_batch_size", options.min_batch_size, 1));
  if (options.min_batch_size > options.max_batch_size) {
    return FieldError("min_batch_size", "above max_batch_size",
                      absl::StrCat(options.min_batch_size),
                      absl::StrCat(options.max_batch_size));
  }
  RETURN_IF_ERROR(
      CheckAtLeast("batch_timeout_ms", options.batch_timeout_ms, 0));
  RETURN_IF_ERROR(CheckAtLeast("max_step_rows", options.max_step_rows,
                               options.max_batch_size));
  RETURN_IF_ERROR(
      CheckAtLeast("max_queued_requests", options.max_queued_requests, 1));
  RETURN_IF_ERROR(
      CheckAtLeast("max_queued_tokens", options.max_queued_tokens, 1));
  RETURN_IF_ERROR(CheckAtLeast("max_preemptions", options.max_preemptions, 0));
  RETURN_IF_ERROR(
      CheckAtLeast("priority_aging_ms", options.priority_aging_ms, 1));
  RETURN_IF_ERROR(
      CheckAtLeast("queue_timeout_ms", options.queue_timeout_ms, 0));
  RETURN_IF_ERROR(CheckAtLeast("first_token_timeout_ms",
                               options.first_token_timeout_ms, 0));
  RETURN_IF_ERROR(CheckAtLeast("max_warm_blocks", options.max_warm_blocks, 0));
  RETURN_IF_ERROR(CheckAtLeast("retry_delay_ms", options.retry_delay_ms, 1));
  return CheckRange("speculation_max_draft", options.speculation.max_draft, 1,
                    kMostDraft);
}

}  // namespace sluice::generator
