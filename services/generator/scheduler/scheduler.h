#pragma once

// Decides what each step runs: Plan -> (run, sample) -> Commit. Knows ids,
// blocks and counts; no tensors, no locks, no clock of its own.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/vocabulary/vocabulary.h"
#include "services/generator/kv_cache/block_pool.h"
#include "services/generator/runner/step_plan.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/scheduler/admission.h"
#include "services/generator/scheduler/kv_allocator.h"
#include "services/generator/scheduler/rate_meter.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/scheduler/scheduler_options.h"
#include "services/generator/scheduler/sequence.h"
#include "services/generator/scheduler/speculation.h"
#include "services/generator/scheduler/tenant_ledger.h"
#include "services/generator/scheduler/token_event.h"

namespace sluice::generator {

// A row of logits that a token is to be chosen from. Lent until Commit.
struct SampleJob {
  const SamplingParams* params = nullptr;
  SamplePoint point;
  // The row stands on this guess of the token before: what is chosen here only
  // counts when the job before this one chose it.
  std::optional<int32_t> guess = std::nullopt;
};

// What Plan decided. Without sequences there is nothing to run.
struct PlannedStep {
  StepPlan plan;
  // One for each row of logits, in order.
  std::vector<SampleJob> samples;
  int32_t decode_rows = 0;
  int32_t prefill_rows = 0;
  int32_t draft_rows = 0;
};

// What Commit learnt, for the metrics.
struct StepOutcome {
  int32_t prompt_tokens = 0;     // rows of prompts run for the first time
  int32_t generated_tokens = 0;  // newly sampled
  int32_t drafted_tokens = 0;    // guesses that were verified
  int32_t accepted_tokens = 0;   // of these, chosen by the sampler too
  std::vector<Nanos> first_token_waits;  // since arrival
  std::vector<Nanos> token_gaps;         // since the sequence's last token
};

struct SchedulerCounts {
  int32_t queued_requests = 0;   // accepted, never scheduled
  int32_t running_requests = 0;  // the others
  int32_t running_sequences = 0;
  int32_t waiting_sequences = 0;
  int32_t paused_requests = 0;
  int64_t queued_tokens = 0;       // cost of the queued requests
  int64_t outstanding_tokens = 0;  // prompt and output still owed
  int64_t preemptions = 0;         // since the start
  int64_t preempted_tokens = 0;    // rows that had to run again, ever
  PrefixCounts prefix;
};

// Order is aged priority class, then the tenant served the fewest tokens, then
// arrival. Tokens from the prefix cache and those that run again cost nothing.
// Admission to the pool is optimistic;
// when blocks run out, the last in order loses its own and is recomputed later.
// Threads: engine thread only.
class Scheduler {
 public:
  // REQUIRES: CheckOptions is OK. The vocabulary must outlive the scheduler,
  // and so must `drafts`; null: drafts are by prompt lookup.
  Scheduler(const SchedulerOptions& options, const SchedulerModel& model,
            const Vocabulary& vocabulary, DraftSource* drafts = nullptr);

  // REQUIRES: tickets grow.
  // Errors: INVALID_ARGUMENT when the request can never fit the pool,
  // RESOURCE_EXHAUSTED with a retry delay when the queue is full or the
  // measured rates say that its deadline or timeouts cannot be met.
  absl::Status Submit(Ticket ticket, Request request, Nanos now);

  // Ends a request with `status`; its blocks are free when this returns. Does
  // nothing for a ticket that is not alive.
  void Abort(Ticket ticket, absl::Status status);

  // A paused request gets no rows and is the first to lose its blocks and its
  // place in the batch.
  void SetPaused(Ticket ticket, bool paused);

  // Ends requests whose deadline or timeouts passed, then plans a row for each
  // decoding sequence and, within max_step_rows, at most `prefill_rows` others
  // (at least one); drafts only where nobody wants those others. The reference
  // is valid until the next Plan. REQUIRES: the
  // last plan was committed or failed.
  const PlannedStep& Plan(Nanos now, int32_t prefill_rows);

  // `tokens[i]` answers samples[i]; an error ends that request alone. What
  // stands on a guess that was not chosen is not looked at.
  StepOutcome Commit(absl::Span<const absl::StatusOr<int32_t>> tokens,
                     Nanos now);
  // The step did not run: ends every request in it with `status`.
  void FailStep(const absl::Status& status);

  // What happened since the last call, in order.
  std::vector<TokenEvent> TakeEvents();

  // Requests ahead of each queued one, in order.
  std::vector<std::pair<Ticket, int32_t>> QueuePositions();
  // When time alone changes something: a deadline or timeout passes or a batch
  // has been gathered for long enough; kNoDeadline when it never does.
  Nanos NextDeadline() const;
  SchedulerCounts counts() const;
  // What Submit would let in now, told to those who ask from other threads.
  QueueRoom Room(Nanos now) const;
  Rates rates(Nanos now) const { return meter_.rates(now); }
  // At which a tenant's requests start while some of them wait; 0 where nothing
  // was measured lately.
  double StartsPerSecond(const std::string& tenant, Nanos now) const;
  BlockCounts block_counts() const { return kv_.pool().counts(); }
  // For the invariant checker: everything that is alive.
  const BlockPool& pool() const { return kv_.pool(); }
  const std::map<Ticket, std::unique_ptr<LiveRequest>>& requests() const {
    return requests_;
  }
  const std::vector<Sequence*>& waiting() const { return waiting_; }
  const std::vector<Sequence*>& running() const { return running_; }
  const SchedulerOptions& options() const { return options_; }
  // True while no request is alive.
  bool idle() const { return requests_.empty(); }

 private:
  struct PlannedRows {
    Sequence* sequence;
    int32_t rows;
    bool wants_logits;
  };

  // A tenant's part in the planned step.
  struct TenantStep {
    int32_t started = 0;
    bool waited = false;
  };

  absl::Status CheckAdmission(const Request& request, Nanos now) const;
  QueueLoad LoadFor(const Request& request, Nanos now) const;
  // Ends what its deadline or a timeout ends.
  void ExpireLate(Nanos now);
  void PlanDecode();
  void PlanPrefill(int32_t& budget);
  void AdmitWaiting(int32_t& budget, Nanos now);
  // Nothing runs, and what waits shall wait for company until then; 0: it shall
  // not.
  Nanos GathersUntil() const;
  // The first in order that may be admitted; null when there is none.
  Sequence* NextWaiting();
  // False when the batch is full of sequences that are not paused.
  bool MakePlace();
  bool AdmitOne(Sequence& sequence, Nanos now);
  bool AnyCanRun() const;
  bool GrowByPreempting(Sequence& sequence);
  void Preempt(Sequence& sequence);
  void AddRows(Sequence& sequence, int32_t rows);
  void PlanMeasurement(bool prefill_full);
  void MeasureStep(Nanos now);
  // Nobody wants rows but those that decode.
  bool MayDraft() const;
  // Behind its row that was added last.
  void AddDrafts(Sequence& sequence);
  void CommitProgress(const PlannedRows& planned, StepOutcome& outcome);
  absl::Status CommitTokens(Sequence& sequence,
                            absl::Span<const absl::StatusOr<int32_t>> tokens,
                            Nanos now, StepOutcome& outcome);
  void CommitToken(Sequence& sequence, int32_t id, Nanos now, Delta& delta,
                   StepOutcome& outcome);
  void CountDrafts(Nanos now, StepOutcome& outcome);
  void MarkStarted(LiveRequest& request, Nanos now);
  void FinishIfEnded(Ticket ticket);
  void Erase(LiveRequest& request);
  void AgeClasses(Nanos now);
  void Emit(const LiveRequest& request, decltype(TokenEvent::body) body);

  SchedulerOptions options_;
  const Vocabulary& vocabulary_;
  const SchedulerModel model_;
  TenantLedger ledger_;
  KvAllocator kv_;
  // Declared after the pool: the sequences' blocks go back before it goes.
  std::map<Ticket, std::unique_ptr<LiveRequest>> requests_;
  std::vector<Sequence*> waiting_;
  std::vector<Sequence*> running_;
  PlannedStep step_;
  std::vector<PlannedRows> planned_;
  std::vector<TokenEvent> events_;
  DraftSource* const drafts_;  // null: lookup_
  LookupDrafts lookup_;
  Speculation speculation_;
  RateMeter meter_;
  MeasuredStep measured_;  // the planned step, but for its end
  std::map<TenantLedger::Account*, TenantStep> measured_tenants_;
  Nanos planned_at_ = 0;
  int64_t preemptions_ = 0;
  int64_t preempted_tokens_ = 0;
};

}  // namespace sluice::generator
