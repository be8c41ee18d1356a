#include "tests/simulation/queue_judge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "tests/simulation/world.h"

namespace sluice::generator {
namespace {

absl::Status Broken(const std::string& what) {
  return absl::InternalError("queue: " + what);
}

// Refused for what it is, not for when it came.
bool IsTooLarge(const RequestFields& fields, const Scheduler& scheduler) {
  const int64_t size = scheduler.pool().block_size();
  return MostPositions(fields) > size * scheduler.block_counts().total;
}

}  // namespace

int64_t MostPositions(const RequestFields& fields) {
  const int64_t prompt = static_cast<int64_t>(fields.prompt_ids.size());
  const int64_t wanted = fields.params.max_new_tokens.value_or(kSimContext);
  return std::min<int64_t>(prompt + wanted, kSimContext);
}

QueueCount CountQueue(const Scheduler& scheduler,
                      const std::string& without_id) {
  QueueCount queue;
  for (const auto& [ticket, live] : scheduler.requests()) {
    if (live->started || live->request.id() == without_id) continue;
    const Request& request = live->request;
    ++queue.requests;
    queue.tokens += int64_t{request.n()} * request.prompt_tokens();
    queue.tokens += int64_t{request.n()} * request.params().max_new_tokens;
  }
  return queue;
}

absl::Status JudgeAdmission(const RequestFields& fields,
                            const QueueCount& queue, const Scheduler& scheduler,
                            const absl::Status& refusal,
                            Situations& situations) {
  const SchedulerOptions& options = scheduler.options();
  const bool too_many = queue.requests >= options.max_queued_requests;
  const bool too_large =
      queue.requests > 0 && queue.tokens + MostPositions(fields) * fields.n >
                                options.max_queued_tokens;
  const bool never_fits = IsTooLarge(fields, scheduler);
  const bool said_full = ReasonOf(refusal).value_or("") == kReasonQueueFull;
  if (absl::IsInvalidArgument(refusal) != never_fits) {
    return Broken(never_fits ? "let in what can never fit"
                             : "refused as too large: " + refusal.ToString());
  }
  if (never_fits) {
    situations.Met(Situation::kRefusedNeverFits);
    return absl::OkStatus();
  }
  if (said_full != (too_many || too_large)) {
    return Broken(absl::StrCat(
        said_full ? "refused with room in it: " : "let in over its bounds: ",
        queue.requests, " requests and ", queue.tokens, " tokens wait"));
  }
  if (!said_full) return absl::OkStatus();
  if (!absl::IsResourceExhausted(refusal) ||
      !IsRetryDelay(RetryDelayOf(refusal),
                    options.retry_delay_ms * kNanosPerMilli)) {
    return Broken("a refusal without a time to come back");
  }
  situations.Met(too_many ? Situation::kRefusedQueueRequests
                          : Situation::kRefusedQueueTokens);
  return absl::OkStatus();
}

absl::Status JudgeCounts(const Scheduler& scheduler) {
  const QueueCount queue = CountQueue(scheduler, "");
  const SchedulerCounts counts = scheduler.counts();
  if (counts.queued_requests == queue.requests &&
      counts.queued_tokens == queue.tokens) {
    return absl::OkStatus();
  }
  return Broken("it is counted otherwise than it is");
}

}  // namespace sluice::generator
