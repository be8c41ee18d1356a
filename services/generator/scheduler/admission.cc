#include "services/generator/scheduler/admission.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

constexpr Nanos kLongestRetryDelay = 60 * kNanosPerSecond;
// A request's own bound is believed out of reach when even this part of what
// is expected lies beyond it.
constexpr double kCertainPart = 2.0 / 3;
// A queue as long as the operator's timeout would have its requests time out
// at the end of it as often as not.
constexpr double kUsablePart = 3.0 / 4;

Nanos Bound(const std::optional<int32_t>& own_ms, int32_t operators_ms,
            Nanos now) {
  int64_t ms = own_ms.value_or(kMaxTimeoutMs);
  if (operators_ms > 0) ms = std::min<int64_t>(ms, operators_ms);
  if (!own_ms.has_value() && operators_ms == 0) return kNoDeadline;
  return now + ms * kNanosPerMilli;
}

Nanos AtRate(double events, double per_second) {
  if (per_second <= 0) return 0;
  return static_cast<Nanos>(events / per_second * kNanosPerSecond);
}

Nanos Part(Nanos time, double part) {
  return static_cast<Nanos>(static_cast<double>(time) * part);
}

absl::Status Exhausted(std::string_view reason, Nanos retry_delay,
                       const std::string& message) {
  return WithRetryDelay(
      WithReason(absl::ResourceExhaustedError(message), reason), retry_delay);
}

// New tokens that its stream has whatever the model says.
int32_t CertainTokens(const Request& request) {
  const SamplingParams& params = request.params();
  const bool may_end = !params.ignore_eos || !params.stop.empty() ||
                       !params.stop_token_ids.empty();
  return may_end ? params.min_new_tokens : params.max_new_tokens;
}

absl::Status CheckWait(std::string_view what, Nanos expected, Nanos bound,
                       Nanos retry_delay) {
  if (expected <= bound) return absl::OkStatus();
  return Exhausted(
      kReasonDeadlineUnmeetable, retry_delay,
      absl::StrCat(absl::string_view(what.data(), what.size()),
                   ": cannot be met, got about ", expected / kNanosPerMilli,
                   " ms, limit ", bound / kNanosPerMilli, " ms"));
}

absl::Status CheckTimeout(std::string_view what, Nanos expected,
                          const std::optional<int32_t>& own_ms,
                          int32_t operators_ms, Nanos retry_delay) {
  if (own_ms.has_value()) {
    RETURN_IF_ERROR(CheckWait(what, Part(expected, kCertainPart),
                              *own_ms * kNanosPerMilli, retry_delay));
  }
  if (operators_ms == 0) return absl::OkStatus();
  return CheckWait(what, expected,
                   Part(operators_ms * kNanosPerMilli, kUsablePart),
                   retry_delay);
}

}  // namespace

Nanos StartBy(const Request& request, const SchedulerOptions& options,
              Nanos now) {
  return Bound(request.queue_timeout_ms(), options.queue_timeout_ms, now);
}

Nanos FirstTokenBy(const Request& request, const SchedulerOptions& options,
                   Nanos now) {
  return Bound(request.first_token_timeout_ms(), options.first_token_timeout_ms,
               now);
}

ExpectedWaits ExpectWaits(const Request& request, int64_t prefill_tokens,
                          const QueueLoad& queue, const Rates& rates) {
  ExpectedWaits waits;
  // Its own tenant's rate knows of others that will come and go before it.
  waits.start = std::max({AtRate(queue.ahead, rates.starts_per_second),
                          AtRate(queue.own, queue.own_starts_per_second),
                          AtRate(static_cast<double>(queue.prefill_rows),
                                 rates.prefill_tokens_per_second)});
  waits.first_token = waits.start + AtRate(static_cast<double>(prefill_tokens),
                                           rates.prefill_tokens_per_second);
  const double more_tokens =
      std::max<double>(0, CertainTokens(request) - 1 -
                              static_cast<double>(request.resumed(0).size()));
  waits.end = waits.first_token +
              static_cast<Nanos>(more_tokens * rates.decode_step_seconds *
                                 kNanosPerSecond);
  return waits;
}

Nanos RetryDelay(int32_t queued_requests, const SchedulerOptions& options,
                 const Rates& rates) {
  const Nanos least = options.retry_delay_ms * kNanosPerMilli;
  const Nanos drain = AtRate(queued_requests, rates.starts_per_second);
  return std::clamp(drain, least, std::max(least, kLongestRetryDelay));
}

int32_t MostAhead(const SchedulerOptions& options, double starts_per_second) {
  int32_t timeout_ms = QueueRoom::kEndless;
  for (int32_t ms :
       {options.queue_timeout_ms, options.first_token_timeout_ms}) {
    if (ms > 0) timeout_ms = std::min(timeout_ms, ms);
  }
  if (timeout_ms == QueueRoom::kEndless || starts_per_second <= 0) {
    return QueueRoom::kEndless;
  }
  const double seconds =
      ToSeconds(Part(timeout_ms * kNanosPerMilli, kUsablePart));
  return static_cast<int32_t>(std::min(seconds * starts_per_second, 1e9));
}

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
                        const SchedulerOptions& options, Nanos retry_delay) {
  if (queue.requests >= options.max_queued_requests) {
    return QueueFullError("requests", queue.requests + 1,
                          options.max_queued_requests, retry_delay);
  }
  const int64_t tokens = queue.tokens + request.cost_tokens();
  if (queue.requests > 0 && tokens > options.max_queued_tokens) {
    return QueueFullError("tokens", tokens, options.max_queued_tokens,
                          retry_delay);
  }
  return absl::OkStatus();
}

absl::Status CheckWaits(const Request& request, const ExpectedWaits& waits,
                        const SchedulerOptions& options, Nanos now,
                        Nanos retry_delay) {
  if (request.deadline() != kNoDeadline) {
    RETURN_IF_ERROR(CheckWait("deadline", Part(waits.end, kCertainPart),
                              std::max<Nanos>(0, request.deadline() - now),
                              retry_delay));
  }
  RETURN_IF_ERROR(CheckTimeout("queue_timeout_ms", waits.start,
                               request.queue_timeout_ms(),
                               options.queue_timeout_ms, retry_delay));
  return CheckTimeout("first_token_timeout_ms", waits.first_token,
                      request.first_token_timeout_ms(),
                      options.first_token_timeout_ms, retry_delay);
}

absl::Status QueueFullError(const char* what, int64_t got, int64_t limit,
                            Nanos retry_delay) {
  return Exhausted(
      kReasonQueueFull, retry_delay,
      absl::StrCat("queue: too many ", what, ", got ", got, ", limit ", limit));
}

absl::Status QueueTooSlowError(Nanos retry_delay) {
  return Exhausted(kReasonDeadlineUnmeetable, retry_delay,
                   "queue: too slow for the timeouts of the operator");
}

absl::Status QueueTimeoutError(Nanos waited, Nanos retry_delay) {
  return Exhausted(kReasonQueueTimeout, retry_delay,
                   absl::StrCat("queue_timeout_ms: no step in time, waited ",
                                waited / kNanosPerMilli, " ms"));
}

absl::Status FirstTokenTimeoutError(Nanos waited, Nanos retry_delay) {
  return Exhausted(
      kReasonFirstTokenTimeout, retry_delay,
      absl::StrCat("first_token_timeout_ms: no token in time, waited ",
                   waited / kNanosPerMilli, " ms"));
}

}  // namespace sluice::generator
