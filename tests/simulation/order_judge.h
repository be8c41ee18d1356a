#pragma once

// A model of its own of who goes first: aged priority class, then the tenant
// served the fewest tokens, then arrival. Follows the scheduler from outside,
// by what it looks like when the plan is made and when the step is over.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "services/generator/runner/step_plan.h"
#include "services/generator/scheduler/scheduler.h"
#include "tests/simulation/planted_drafts.h"
#include "tests/simulation/prefill_budget.h"
#include "tests/simulation/situations.h"

namespace sluice::generator {

// Threads: one at a time.
class OrderJudge {
 public:
  // Both are lent for the judge's life; the scheduler is new.
  OrderJudge(const Scheduler& scheduler, const StepPacerOptions& pacer,
             ExpectationOf expectation, Situations& situations)
      : scheduler_(scheduler),
        situations_(situations),
        expectation_(std::move(expectation)),
        budget_(pacer) {}

  // All errors: INTERNAL, naming the promise that is broken.

  // After a request was handed in, whether it was let in or not. A tenant that
  // comes back is not behind those that stayed, and its debt is remembered.
  absl::Status AfterSubmit(const std::string& request_id, Nanos now);
  void BeforeStep(Nanos now) { began_ = now; }
  // When the plan is made and nothing of it has run. `failing_row` of the
  // wanted logits will be bad; -1: none, kAllFail: there are none at all.
  static constexpr int32_t kAllFail = -2;
  absl::Status OnPlan(const StepPlan& plan, int32_t failing_row);
  // `took`: what the step took; 0: it did not run.
  absl::Status AfterStep(Nanos took);

  // Requests ahead of a queued one, as of the last plan; -1: not queued.
  int32_t PositionOf(Ticket ticket) const;
  // Sequences that the last plan gave blocks, in order.
  const std::vector<const Sequence*>& admitted() const { return admitted_; }
  // Sequences that it took blocks from.
  const std::vector<const Sequence*>& victims() const { return victims_; }
  // Of the rows of a sequence in the last plan those that stay: not behind a
  // wrong guess.
  int32_t ValidRows(const SequenceRows& rows) const;
  // Wrong guesses lie in its blocks that nothing was written over.
  bool HasRejected(Ticket ticket) const;

 private:
  struct KnownSequence {
    bool running = false;
    bool pinned = false;
    int32_t preemptions = 0;
    int32_t charged = 0;   // ids that its tenant was charged for
    int32_t computed = 0;  // after the last step
    int32_t lost = 0;      // of these, when it was preempted last
    int32_t right = 0;     // guesses of the last plan
    int32_t written = 0;   // positions, wrong guesses included
    int32_t blocks = 0;    // after the last plan
  };
  struct KnownRequest {
    Nanos arrived_at = 0;
    std::string tenant;
    std::vector<KnownSequence> sequences;
  };
  using Place = std::tuple<int32_t, int64_t, Ticket, int32_t>;

  KnownSequence& Known(const Sequence& sequence);
  int32_t ClassOf(const LiveRequest& request) const;
  Place PlaceOf(const Sequence& sequence) const;
  bool Comes(const Sequence& a, const Sequence& b) const {
    return PlaceOf(a) < PlaceOf(b);
  }
  bool WaitsForSibling(const Sequence& sequence) const;
  bool AwaitsPrefix(const Sequence& sequence) const;
  bool Awaits(const Sequence& sequence) const {
    return WaitsForSibling(sequence) || AwaitsPrefix(sequence);
  }
  void Sort();
  void Remember();
  absl::Status JudgeClasses() const;
  absl::Status JudgeVictims() const;
  absl::Status JudgeRows(const StepPlan& plan);
  absl::Status JudgeDrafts(const SequenceRows& rows, const Sequence& owner);
  absl::Status JudgeDraftCompany(int32_t draft_rows) const;
  absl::Status JudgeRunningRows(bool& scarce) const;
  absl::Status JudgeAdmissions();
  absl::Status JudgeAdmitted(size_t at);
  absl::Status JudgeIdleRoom(bool scarce);
  absl::Status JudgeBudget(bool scarce);
  absl::Status JudgeStarted(const Sequence& next) const;
  absl::Status JudgeCounts() const;
  void ChargeTokens(const StepPlan& plan, int32_t failing_row);
  const Sequence& OwnerOf(const SequenceRows& rows) const;
  void CountDraft(const SequenceRows& rows, const Sequence& owner);
  int32_t RowsOf(const Sequence& sequence) const;

  const Scheduler& scheduler_;
  Situations& situations_;
  Nanos began_ = 0;
  const ExpectationOf expectation_;
  PrefillBudget budget_;
  int32_t prefill_rows_ = 0;  // of the last plan
  int64_t preemptions_ = 0;
  int64_t preempted_tokens_ = 0;
  std::map<Ticket, KnownRequest> known_;
  std::map<std::string, int64_t> served_;  // tokens, by tenant
  // Of the last plan.
  std::vector<const Sequence*> stayed_;  // had blocks and kept them
  std::vector<const Sequence*> victims_;
  std::vector<const Sequence*> admitted_;
  std::vector<const Sequence*> row_owners_;  // by block that is written
  std::map<const Sequence*, int32_t> rows_;
};

}  // namespace sluice::generator
