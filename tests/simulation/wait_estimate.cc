#include "tests/simulation/wait_estimate.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/simulation/queue_judge.h"

namespace sluice::generator {
namespace {

// A wide margin: a bound is only believed out of reach at twice of it.
constexpr double kWideMargin = 2;
// An operator's timeout may refuse those that use up most of it.
constexpr double kMostOfIt = 0.5;
// For other orders of rounding.
constexpr double kSlackSeconds = 0.002;

double AtRate(double events, double per_second) {
  return per_second > 0 ? events / per_second : 0;
}

// Tokens that its answer has whatever the model says, less what it has.
double CertainTokens(const RequestFields& fields) {
  const SamplingOverrides& params = fields.params;
  const bool may_end = !params.ignore_eos.value_or(false) ||
                       !params.stop.empty() || !params.stop_token_ids.empty();
  const int64_t prompt = static_cast<int64_t>(fields.prompt_ids.size());
  const int64_t most = MostPositions(fields) - prompt;
  const int64_t certain = may_end ? params.min_new_tokens.value_or(0) : most;
  return static_cast<double>(std::min(certain, most));
}

double ResumedOfFirst(const RequestFields& fields) {
  for (const ResumedIds& one : fields.resumed) {
    if (one.index == 0) return static_cast<double>(one.ids.size());
  }
  return 0;
}

struct Judged {
  bool surely = false;  // it must be refused
  bool maybe = false;   // it may be
};

void JudgeBound(const WaitRange& wait, double bound, double most_of_it,
                double wide_margin, Judged& judged) {
  judged.surely =
      judged.surely || wait.least > bound * wide_margin + kSlackSeconds;
  judged.maybe = judged.maybe || wait.most + kSlackSeconds > bound * most_of_it;
}

void JudgeTimeout(const WaitRange& wait, const std::optional<int32_t>& own_ms,
                  int32_t operators_ms, Judged& judged) {
  if (own_ms.has_value()) {
    JudgeBound(wait, *own_ms * 1e-3, 1, kWideMargin, judged);
  }
  if (operators_ms > 0) {
    JudgeBound(wait, operators_ms * 1e-3, kMostOfIt, 1, judged);
  }
}

}  // namespace

WaitEstimate EstimateWaits(const RequestFields& fields,
                           const Scheduler& scheduler, Nanos now) {
  const Rates rates = scheduler.rates(now);
  const int32_t own_class = static_cast<int32_t>(fields.priority);
  int32_t certainly_ahead = 0, of_tenant = 0, queued = 0;
  for (const auto& [ticket, live] : scheduler.requests()) {
    if (live->started || live->request.id() == fields.request_id) continue;
    ++queued;
    of_tenant += live->request.tenant() == fields.tenant;
    certainly_ahead += live->aged_class < own_class ||
                       (live->aged_class == own_class &&
                        live->request.tenant() == fields.tenant);
  }
  double rows = 0, rows_of_others = 0;
  for (const Sequence* sequence : scheduler.running()) {
    if (sequence->request->paused) continue;
    rows += sequence->remaining() - 1;
    if (sequence->request->request.id() == fields.request_id) continue;
    rows_of_others += sequence->remaining() - 1;
  }
  const double prefill = rates.prefill_tokens_per_second;
  WaitEstimate waits;
  waits.start = {std::max(AtRate(certainly_ahead, rates.starts_per_second),
                          AtRate(rows_of_others, prefill)),
                 std::max({AtRate(queued, rates.starts_per_second),
                           AtRate(of_tenant, scheduler.StartsPerSecond(
                                                 fields.tenant, now)),
                           AtRate(rows, prefill)})};
  const double resumed = ResumedOfFirst(fields);
  const double own = static_cast<double>(fields.prompt_ids.size()) + resumed;
  // All of it but the last token may be in the cache.
  waits.first_token = {waits.start.least,
                       waits.start.most + AtRate(own, prefill)};
  const double answer = std::max(0.0, CertainTokens(fields) - 1 - resumed) *
                        rates.decode_step_seconds;
  waits.end = {waits.first_token.least + answer,
               waits.first_token.most + answer};
  return waits;
}

absl::Status JudgeEstimate(const RequestFields& fields,
                           const WaitEstimate& estimate,
                           const SchedulerOptions& options, Nanos now,
                           bool refused) {
  Judged judged;
  if (fields.deadline != kNoDeadline) {
    const double left = ToSeconds(std::max<Nanos>(0, fields.deadline - now));
    JudgeBound(estimate.end, left, 1, kWideMargin, judged);
  }
  JudgeTimeout(estimate.start, fields.queue_timeout_ms,
               options.queue_timeout_ms, judged);
  JudgeTimeout(estimate.first_token, fields.first_token_timeout_ms,
               options.first_token_timeout_ms, judged);
  if (refused ? judged.maybe : !judged.surely) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "estimate: ", refused ? "refused" : "let in", " with a start in ",
      estimate.start.least, " to ", estimate.start.most, " s, a token in ",
      estimate.first_token.least, " to ", estimate.first_token.most,
      " s, an end in ", estimate.end.least, " to ", estimate.end.most, " s"));
}

}  // namespace sluice::generator
