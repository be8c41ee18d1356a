// What a step brought: the second half of the scheduler.

#include <utility>

#include "common/base/check.h"
#include "services/generator/scheduler/scheduler.h"

namespace sluice::generator {

using State = Sequence::State;

StepOutcome Scheduler::Commit(absl::Span<const absl::StatusOr<int32_t>> tokens,
                              Nanos now) {
  SLUICE_CHECK(tokens.size() == step_.samples.size(),
               "each row of logits is answered");
  StepOutcome outcome;
  std::vector<std::pair<Ticket, absl::Status>> failed;
  std::vector<Ticket> touched;
  size_t next_token = 0;
  for (const PlannedRows& planned : planned_) {
    Sequence& sequence = *planned.sequence;
    const Ticket ticket = sequence.request->ticket;
    touched.push_back(ticket);
    CommitProgress(planned, outcome);
    if (!planned.wants_logits) {
      kv_.Publish(sequence);
      continue;
    }
    const size_t count = sequence.drafts.size() + 1;
    absl::Status status =
        CommitTokens(sequence, tokens.subspan(next_token, count), now, outcome);
    next_token += count;
    if (!status.ok()) failed.emplace_back(ticket, std::move(status));
  }
  planned_.clear();
  CountDrafts(now, outcome);
  MeasureStep(now);
  for (auto& [ticket, status] : failed) Abort(ticket, std::move(status));
  for (Ticket ticket : touched) FinishIfEnded(ticket);
  return outcome;
}

void Scheduler::CommitProgress(const PlannedRows& planned,
                               StepOutcome& outcome) {
  Sequence& sequence = *planned.sequence;
  LiveRequest& request = *sequence.request;
  const int32_t prompt = request.request.prompt_tokens();
  if (sequence.preemptions == 0 && sequence.computed < prompt) {
    outcome.prompt_tokens += std::min(planned.rows, prompt - sequence.computed);
  }
  sequence.computed += planned.rows;
  request.computed_tokens += planned.rows;
  if (!planned.wants_logits && request.first_token_at == 0) {
    Emit(request, Progress{std::min(sequence.computed, prompt)});
  }
}

// As many steps of one row as the sampler chose what was guessed, and one more.
absl::Status Scheduler::CommitTokens(
    Sequence& sequence, absl::Span<const absl::StatusOr<int32_t>> tokens,
    Nanos now, StepOutcome& outcome) {
  const std::vector<int32_t> drafts = std::exchange(sequence.drafts, {});
  Delta delta{.index = sequence.index};
  absl::Status status;
  size_t right = 0;
  while (true) {
    const absl::StatusOr<int32_t>& token = tokens[right];
    status = token.status();
    if (!status.ok()) {
      // What it computed may be as bad as the logits: nobody shall find it.
      kv_.Withdraw(sequence);
      break;
    }
    kv_.Publish(sequence);
    CommitToken(sequence, *token, now, delta, outcome);
    if (sequence.end.has_value() || right == drafts.size() ||
        *token != drafts[right]) {
      break;
    }
    // The keys and values of the guess are those of the token.
    ++sequence.computed;
    ++sequence.request->computed_tokens;
    ++right;
  }
  const bool judged_wrong =
      status.ok() && !sequence.end.has_value() && right < drafts.size();
  if (!drafts.empty()) {
    speculation_.OnVerified(sequence, static_cast<int32_t>(right),
                            static_cast<int32_t>(right) + judged_wrong);
    outcome.accepted_tokens += static_cast<int32_t>(right);
  }
  if (!delta.ids.empty() || delta.end.has_value()) {
    Emit(*sequence.request, std::move(delta));
  }
  return status;
}

void Scheduler::CommitToken(Sequence& sequence, int32_t id, Nanos now,
                            Delta& delta, StepOutcome& outcome) {
  LiveRequest& request = *sequence.request;
  sequence.Append(id);
  sequence.Charge(/*cached=*/0);
  ++outcome.generated_tokens;
  if (sequence.last_token_at != 0) {
    outcome.token_gaps.push_back(now - sequence.last_token_at);
  }
  if (request.first_token_at == 0) {
    request.first_token_at = now;
    outcome.first_token_waits.push_back(now - request.arrived_at);
  }
  sequence.last_token_at = now;
  request.last_token_at = now;
  sequence.end = sequence.stops.Push(id);
  for (int32_t shown : sequence.stops.TakeShowable()) {
    delta.ids.push_back(shown);
  }
  delta.end = sequence.end;
  if (!sequence.end.has_value()) return;
  sequence.state = State::kEnded;
  kv_.PublishRest(sequence);
  sequence.blocks.Clear();
  std::erase(running_, &sequence);
}

void Scheduler::CountDrafts(Nanos now, StepOutcome& outcome) {
  outcome.drafted_tokens = step_.draft_rows;
  measured_.accepted_drafts = outcome.accepted_tokens;
  if (step_.prefill_rows > 0) return;
  speculation_.OnStep({.decode_rows = step_.decode_rows,
                       .draft_rows = step_.draft_rows,
                       .accepted = outcome.accepted_tokens,
                       .elapsed = now - planned_at_});
}

void Scheduler::FailStep(const absl::Status& status) {
  std::vector<Ticket> tickets;
  for (const PlannedRows& planned : planned_) {
    tickets.push_back(planned.sequence->request->ticket);
  }
  planned_.clear();
  for (Ticket ticket : tickets) Abort(ticket, status);
}

}  // namespace sluice::generator
