#include "services/generator/engine/engine_core.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

constexpr std::string_view kSlowReader = "SLOW_READER";
constexpr int32_t kNotChosen = -1;  // no id

SchedulerModel ModelOf(const RunnerInfo& info) {
  return {.block_count = info.block_count,
          .block_size = info.block_size,
          .vocabulary_size = info.vocabulary_size,
          .fingerprint = info.fingerprint,
          .takes_drafts = info.takes_drafts};
}

SchedulerOptions SchedulerOf(const EngineOptions& options) {
  SchedulerOptions scheduler = options.scheduler;
  scheduler.speculation.target_step_ms = options.pacer.target_step_ms;
  return scheduler;
}

absl::Status CheckAtLeast(const char* field, int64_t got, int64_t least) {
  if (got >= least) return absl::OkStatus();
  return FieldError(field, "too small", absl::StrCat(got),
                    absl::StrCat("at least ", least));
}

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kQueued:
      return "queued";
    case Phase::kPrefill:
      return "prefill";
    case Phase::kDecode:
      return "decode";
  }
  return "unknown";
}

const char* WasteReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return "cancelled";
    case absl::StatusCode::kDeadlineExceeded:
      return "deadline";
    case absl::StatusCode::kResourceExhausted:
      return ReasonOf(status) == kSlowReader ? "slow_reader" : "timeout";
    default:
      return "failed";
  }
}

const char* StepPhase(const PlannedStep& step) {
  if (step.prefill_rows == 0) return "decode";
  return step.decode_rows == 0 ? "prefill" : "mixed";
}

absl::Status SlowReader(int32_t timeout_ms) {
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "stream: reader too slow, full for longer than ", timeout_ms, " ms")),
      kSlowReader);
}

}  // namespace

absl::Status CheckOptions(const EngineOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options.scheduler));
  RETURN_IF_ERROR(
      CheckAtLeast("target_step_ms", options.pacer.target_step_ms, 1));
  RETURN_IF_ERROR(
      CheckAtLeast("outbox_ids", options.outbox.max_pending_ids, 1));
  RETURN_IF_ERROR(CheckAtLeast("max_mailbox", options.max_mailbox, 1));
  RETURN_IF_ERROR(
      CheckAtLeast("alive_interval_ms", options.alive_interval_ms, 1));
  RETURN_IF_ERROR(CheckAtLeast("slow_reader_timeout_ms",
                               options.slow_reader_timeout_ms, 1));
  return CheckAtLeast("stall_limit_ms", options.stall_limit_ms, 1);
}

EngineCore::EngineCore(const EngineOptions& options, const EngineParts& parts)
    : options_(options),
      parts_(parts),
      scheduler_(SchedulerOf(options), ModelOf(parts.runner.info()),
                 parts.vocabulary, parts.drafts),
      pacer_(options.pacer) {
  SLUICE_CHECK(CheckOptions(options).ok(), "options are checked by the caller");
  Publish(/*busy=*/false);
}

void EngineCore::Submit(Submission submission) {
  const Nanos now = parts_.clock.Now();
  const std::string id = submission.request.id();
  const int32_t attempt = submission.request.attempt();
  const auto refuse = [&](const absl::Status& status) {
    parts_.metrics.CountRejected(status);
    submission.outbox->Close(status);
  };
  if (const auto flight = in_flight_.find(id); flight != in_flight_.end()) {
    if (attempt <= flight->second.attempt) {
      return refuse(absl::AlreadyExistsError(
          absl::StrCat("attempt: not newer than the one in flight, got ",
                       attempt, ", limit above ", flight->second.attempt)));
    }
    scheduler_.Abort(flight->second.ticket,
                     absl::CancelledError(absl::StrCat(
                         "attempt: superseded by attempt ", attempt)));
    Deliver(now);
  }
  const Ticket ticket = ++last_ticket_;
  const absl::Status accepted =
      scheduler_.Submit(ticket, std::move(submission.request), now);
  if (!accepted.ok()) return refuse(accepted);
  Stream stream;
  stream.outbox = std::move(submission.outbox);
  stream.request_id = id;
  streams_.emplace(ticket, std::move(stream));
  in_flight_[id] = {attempt, ticket};
  Deliver(now);
}

bool EngineCore::Step() {
  AbortCancelled();
  const Nanos started_at = parts_.clock.Now();
  UpdatePauses(started_at);
  Publish(/*busy=*/!idle());
  const PlannedStep& step = scheduler_.Plan(started_at, pacer_.prefill_rows());
  // Refusals while it runs are by what it left of the queue.
  if (parts_.gate != nullptr) {
    parts_.gate->Publish(scheduler_.Room(started_at));
  }
  const bool ran = !step.plan.sequences.empty();
  if (ran) RunStep(step, started_at);
  const Nanos now = parts_.clock.Now();
  Deliver(now);
  SendSignsOfLife(now);
  if (ran) last_step_ = now;
  Publish(/*busy=*/!idle());
  return ran;
}

void EngineCore::RunStep(const PlannedStep& step, Nanos started_at) {
  const absl::StatusOr<LogitsView> logits = parts_.runner.Run(step.plan);
  if (!logits.ok()) {
    scheduler_.FailStep(absl::InternalError(
        absl::StrCat("backend: step failed: ", logits.status().message())));
    return;
  }
  const auto tokens = Sample(step, *logits);
  const Nanos now = parts_.clock.Now();
  Record(step, scheduler_.Commit(tokens, now), now - started_at);
  if (parts_.trace == nullptr) return;
  parts_.trace->AddStep({.began = started_at,
                         .ended = parts_.clock.Now(),
                         .decode_rows = step.decode_rows,
                         .prefill_rows = step.prefill_rows});
}

std::vector<absl::StatusOr<int32_t>> EngineCore::Sample(
    const PlannedStep& step, const LogitsView& logits) {
  SLUICE_CHECK(static_cast<size_t>(logits.rows) == step.samples.size(),
               "the runner gives the rows that were asked for");
  std::vector<absl::StatusOr<int32_t>> tokens;
  tokens.reserve(step.samples.size());
  for (int32_t row = 0; row < logits.rows; ++row) {
    const SampleJob& job = step.samples[row];
    // What stands on a wrong guess is not worth a draw.
    if (job.guess.has_value() &&
        (!tokens.back().ok() || *tokens.back() != *job.guess)) {
      tokens.push_back(kNotChosen);
      continue;
    }
    tokens.push_back(sampler_.Sample(logits.Row(row), *job.params, job.point));
  }
  return tokens;
}

void EngineCore::Record(const PlannedStep& step, const StepOutcome& outcome,
                        Nanos elapsed) {
  GeneratorMetrics& metrics = parts_.metrics;
  pacer_.OnStep(step.prefill_rows, elapsed);
  metrics.step.With({StepPhase(step)}).Observe(ToSeconds(elapsed));
  metrics.step_tokens.Get().Observe(step.decode_rows + step.prefill_rows +
                                    step.draft_rows);
  metrics.step_sequences.Get().Observe(
      static_cast<double>(step.plan.sequences.size()));
  metrics.prompt_tokens.With({"computed"}).Increment(outcome.prompt_tokens);
  metrics.generated_tokens.Get().Increment(outcome.generated_tokens);
  metrics.drafted_tokens.Get().Increment(outcome.drafted_tokens);
  metrics.accepted_tokens.Get().Increment(outcome.accepted_tokens);
  metrics.wasted_tokens.With({"rejected_draft"})
      .Increment(outcome.drafted_tokens - outcome.accepted_tokens);
  for (Nanos wait : outcome.first_token_waits) {
    metrics.time_to_first_token.Get().Observe(ToSeconds(wait));
  }
  for (Nanos gap : outcome.token_gaps) {
    metrics.inter_token.Get().Observe(ToSeconds(gap));
  }
  parts_.board.tokens().Add(outcome.generated_tokens, parts_.clock.Now());
}

void EngineCore::AbortCancelled() {
  for (const auto& [ticket, stream] : streams_) {
    if (!stream.outbox->cancelled()) continue;
    scheduler_.Abort(ticket, absl::CancelledError("request: cancelled"));
  }
  Deliver(parts_.clock.Now());
}

void EngineCore::UpdatePauses(Nanos now) {
  const Nanos limit = options_.slow_reader_timeout_ms * kNanosPerMilli;
  for (auto& [ticket, stream] : streams_) {
    if (stream.outbox->full()) {
      if (stream.paused_at == 0) {
        stream.paused_at = now;
        scheduler_.SetPaused(ticket, true);
      } else if (now - stream.paused_at >= limit) {
        scheduler_.Abort(ticket, SlowReader(options_.slow_reader_timeout_ms));
      }
    } else if (stream.paused_at != 0) {
      stream.paused_at = 0;
      scheduler_.SetPaused(ticket, false);
    }
  }
}

void EngineCore::Deliver(Nanos now) {
  for (TokenEvent& event : scheduler_.TakeEvents()) {
    const auto stream = streams_.find(event.ticket);
    SLUICE_CHECK(stream != streams_.end(), "an event belongs to a stream");
    Deliver(event.ticket, stream->second, event, now);
  }
}

void EngineCore::Deliver(Ticket ticket, Stream& stream, TokenEvent& event,
                         Nanos now) {
  stream.sent_at = now;
  if (auto* failed = std::get_if<Failed>(&event.body)) {
    // A time to come back is told to those that were turned away for load.
    if (RetryDelayOf(failed->status).has_value()) {
      parts_.metrics.CountRejected(failed->status);
    } else {
      parts_.metrics.CountFailed(failed->status);
    }
    CountAborted(*failed);
    return Close(ticket, failed->status);
  }
  if (auto* finished = std::get_if<Finished>(&event.body)) {
    parts_.metrics.CountFinished(*finished);
    stream.outbox->Push(std::move(*finished));
    return Close(ticket, absl::OkStatus());
  }
  if (auto* started = std::get_if<Started>(&event.body)) {
    stream.started = true;
    stream.outbox->Push(std::move(*started));
  } else if (auto* progress = std::get_if<Progress>(&event.body)) {
    stream.prompt_tokens_done = progress->prompt_tokens_done;
    stream.outbox->Push(*progress);
  } else if (auto* delta = std::get_if<Delta>(&event.body)) {
    stream.decoding = true;
    stream.outbox->Push(std::move(*delta));
  }
}

void EngineCore::Close(Ticket ticket, const absl::Status& status) {
  const auto found = streams_.find(ticket);
  if (parts_.trace != nullptr) {
    parts_.trace->AddEnd({.request_id = found->second.request_id,
                          .code = status.code(),
                          .started = found->second.started,
                          .decoding = found->second.decoding,
                          .at = parts_.clock.Now(),
                          .active_blocks = scheduler_.block_counts().active});
  }
  found->second.outbox->Close(status);
  in_flight_.erase(found->second.request_id);
  streams_.erase(found);
}

void EngineCore::CountAborted(const Failed& failed) {
  if (failed.status.code() == absl::StatusCode::kCancelled) {
    parts_.metrics.cancelled.With({PhaseName(failed.phase)}).Increment();
  }
  parts_.metrics.wasted_tokens.With({WasteReason(failed.status)})
      .Increment(static_cast<double>(failed.computed_tokens));
}

void EngineCore::SendSignsOfLife(Nanos now) {
  const Nanos interval = options_.alive_interval_ms * kNanosPerMilli;
  bool any_queued = false;
  for (auto& [ticket, stream] : streams_) {
    if (stream.sent_at != 0 && now - stream.sent_at < interval) continue;
    stream.sent_at = now;
    // Whoever has not read the last message needs no other.
    if (!stream.outbox->empty()) continue;
    if (!stream.started) {
      any_queued = true;
      stream.sent_at = 0;
    } else if (!stream.decoding) {
      stream.outbox->Push(Progress{stream.prompt_tokens_done});
    } else {
      stream.outbox->Push(Delta{});
    }
  }
  if (!any_queued) return;
  for (const auto& [ticket, position] : scheduler_.QueuePositions()) {
    Stream& stream = streams_.at(ticket);
    if (stream.sent_at != 0) continue;
    stream.sent_at = now;
    stream.outbox->Push(Queued{position});
  }
}

Nanos EngineCore::NextWakeup() const {
  Nanos next = scheduler_.NextDeadline();
  const Nanos limit = options_.slow_reader_timeout_ms * kNanosPerMilli;
  const Nanos interval = options_.alive_interval_ms * kNanosPerMilli;
  for (const auto& [ticket, stream] : streams_) {
    next = std::min(next, stream.sent_at + interval);
    if (stream.paused_at != 0) next = std::min(next, stream.paused_at + limit);
  }
  return next;
}

void EngineCore::AbortAll(const absl::Status& status) {
  std::vector<Ticket> tickets;
  for (const auto& [ticket, stream] : streams_) tickets.push_back(ticket);
  for (Ticket ticket : tickets) scheduler_.Abort(ticket, status);
  Deliver(parts_.clock.Now());
  Publish(/*busy=*/false);
}

void EngineCore::Publish(bool busy) {
  const SchedulerCounts counts = scheduler_.counts();
  LoadSnapshot load;
  load.queued_requests = counts.queued_requests;
  load.running_requests = counts.running_requests;
  load.running_sequences = counts.running_sequences;
  load.paused_requests = counts.paused_requests;
  load.blocks = scheduler_.block_counts();
  load.outstanding_tokens = counts.outstanding_tokens;
  load.preemptions = counts.preemptions;
  load.busy = busy;
  load.last_step = last_step_;
  parts_.board.Publish(load);
  PublishCounters(counts);
}

void EngineCore::PublishCounters(const SchedulerCounts& counts) {
  GeneratorMetrics& metrics = parts_.metrics;
  const PrefixCounts& prefix = counts.prefix;
  const PrefixCounts& old = published_.prefix;
  const auto add = [](Counter& counter, int64_t now, int64_t before) {
    counter.Increment(static_cast<double>(now - before));
  };
  add(metrics.preemptions.Get(), counts.preemptions, published_.preemptions);
  add(metrics.wasted_tokens.With({"preempted"}), counts.preempted_tokens,
      published_.preempted_tokens);
  add(metrics.prompt_tokens.With({"cached"}), prefix.cached_tokens,
      old.cached_tokens);
  add(metrics.prefix_requests.With({"hit"}), prefix.hits, old.hits);
  add(metrics.prefix_requests.With({"miss"}), prefix.misses, old.misses);
  add(metrics.prefix_requests.With({"bypass"}), prefix.bypassed, old.bypassed);
  add(metrics.prefix_evictions.Get(), prefix.evictions, old.evictions);
  published_ = counts;
}

}  // namespace sluice::generator
