#include "tests/simulation/order_judge.h"

#include <algorithm>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

using State = Sequence::State;

template <typename... Parts>
absl::Status Broken(const Parts&... parts) {
  return absl::InternalError(absl::StrCat("order: ", parts...));
}

// Holds all that it can ever need.
bool Pinned(const Sequence& sequence, const SchedulerOptions& options) {
  return sequence.preemptions >= options.max_preemptions;
}

bool MayRun(const Sequence& sequence) {
  return sequence.state == State::kWaiting && !sequence.request->paused;
}

}  // namespace

absl::Status OrderJudge::AfterSubmit(const std::string& request_id, Nanos now) {
  const LiveRequest* placed = nullptr;
  int64_t least = std::numeric_limits<int64_t>::max();
  std::set<std::string> present;
  for (const auto& [ticket, live] : scheduler_.requests()) {
    if (live->request.id() == request_id) {
      placed = live.get();
      continue;
    }
    const std::string& tenant = live->request.tenant();
    present.insert(tenant);
    least = std::min(least, served_[tenant]);
  }
  if (placed == nullptr || known_.contains(placed->ticket)) {
    return absl::OkStatus();
  }
  const std::string& tenant = placed->request.tenant();
  KnownRequest& known = known_[placed->ticket];
  known.arrived_at = now;
  known.tenant = tenant;
  known.sequences.resize(placed->sequences.size());
  int64_t& served = served_[tenant];
  const int64_t got = placed->account->served;
  const int64_t debt = served;
  if (present.empty()) {
    // Nobody to be compared with but those that have left.
    int64_t most = 0;
    for (const auto& [name, tokens] : served_) most = std::max(most, tokens);
    served = got;
    return got >= debt && got <= most ? absl::OkStatus()
                                      : Broken("a debt is not what it was");
  }
  if (!present.contains(tenant)) {
    situations_.Met(Situation::kTenantCameBack);
    served = std::max(served, least);
  }
  if (got == served) return absl::OkStatus();
  return Broken("a tenant that comes was served ", got, ", expected ", served);
}

OrderJudge::KnownSequence& OrderJudge::Known(const Sequence& sequence) {
  return known_.at(sequence.request->ticket).sequences[sequence.index];
}

int32_t OrderJudge::ClassOf(const LiveRequest& request) const {
  const Nanos age = began_ - known_.at(request.ticket).arrived_at;
  const int64_t up =
      age / (scheduler_.options().priority_aging_ms * kNanosPerMilli);
  const int64_t born = static_cast<int64_t>(request.request.priority());
  return static_cast<int32_t>(std::max<int64_t>(0, born - up));
}

OrderJudge::Place OrderJudge::PlaceOf(const Sequence& sequence) const {
  const LiveRequest& request = *sequence.request;
  return {ClassOf(request), served_.at(request.request.tenant()),
          request.ticket, sequence.index};
}

absl::Status OrderJudge::OnPlan(const StepPlan& plan, int32_t failing_row) {
  Sort();
  RETURN_IF_ERROR(JudgeClasses());
  RETURN_IF_ERROR(JudgeVictims());
  RETURN_IF_ERROR(JudgeRows(plan));
  RETURN_IF_ERROR(JudgeAdmissions());
  ChargeTokens(plan, failing_row);
  Remember();
  return absl::OkStatus();
}

void OrderJudge::Sort() {
  stayed_.clear();
  victims_.clear();
  admitted_.clear();
  for (const Sequence* sequence : scheduler_.running()) {
    const KnownSequence& known = Known(*sequence);
    const bool lost = sequence->preemptions > known.preemptions;
    if (known.running && lost) victims_.push_back(sequence);
    (known.running && !lost ? stayed_ : admitted_).push_back(sequence);
  }
  for (const Sequence* sequence : scheduler_.waiting()) {
    if (Known(*sequence).running) victims_.push_back(sequence);
  }
}

absl::Status OrderJudge::JudgeClasses() const {
  for (const auto& [ticket, live] : scheduler_.requests()) {
    const int32_t aged = ClassOf(*live);
    if (live->aged_class != aged) {
      return Broken("class ", live->aged_class, " at its age, expected ", aged);
    }
    situations_.MetIf(aged < static_cast<int32_t>(live->request.priority()),
                      Situation::kAgedPast);
  }
  return absl::OkStatus();
}

// Paused ones lose their blocks first, then the last in order.
absl::Status OrderJudge::JudgeVictims() const {
  for (const Sequence* victim : victims_) {
    if (known_.at(victim->request->ticket).sequences[victim->index].pinned) {
      return Broken("a pinned sequence lost its blocks");
    }
    const bool paused = victim->request->paused;
    for (const Sequence* other : stayed_) {
      if (Pinned(*other, scheduler_.options())) continue;
      if (!paused && other->request->paused) {
        return Broken("a sequence lost its blocks before a paused one");
      }
      // Paused ones may have made room between two admissions.
      const bool comparable =
          !paused ||
          (other->request->paused &&
           (admitted_.empty() || known_.at(other->request->ticket).tenant ==
                                     victim->request->request.tenant()));
      if (comparable && Comes(*victim, *other)) {
        return Broken("not the last in order lost its blocks");
      }
    }
  }
  return absl::OkStatus();
}

int32_t OrderJudge::RowsOf(const Sequence& sequence) const {
  const auto found = rows_.find(&sequence);
  return found == rows_.end() ? 0 : found->second;
}

absl::Status OrderJudge::JudgeRows(const StepPlan& plan) {
  const int32_t size = scheduler_.pool().block_size();
  row_owners_.assign(scheduler_.block_counts().total, nullptr);
  for (const Sequence* sequence : scheduler_.running()) {
    const int32_t at = sequence->computed / size;
    if (at < sequence->blocks.size()) {
      row_owners_[sequence->blocks.id(at)] = sequence;
    }
  }
  rows_.clear();
  int32_t total = 0, draft_rows = 0;
  for (const SequenceRows& rows : plan.sequences) {
    const Sequence* owner =
        row_owners_[rows.block_table[rows.first_position / size]];
    if (owner == nullptr || owner->computed != rows.first_position) {
      return Broken("rows of no running sequence");
    }
    const int32_t count =
        static_cast<int32_t>(rows.token_ids.size()) - rows.draft_rows;
    if (owner->request->paused) return Broken("a paused sequence has rows");
    if (rows.wants_logits != (count == owner->remaining())) {
      return Broken("logits are wanted of a row that is not the last");
    }
    if (!rows_.emplace(owner, count).second) return Broken("planned twice");
    RETURN_IF_ERROR(JudgeDrafts(rows, *owner));
    total += count + rows.draft_rows;
    draft_rows += rows.draft_rows;
  }
  if (total > scheduler_.options().max_step_rows) {
    return Broken(total, " rows in a step");
  }
  return JudgeDraftCompany(draft_rows);
}

// Guesses follow what is known, and none is made that could not help.
absl::Status OrderJudge::JudgeDrafts(const SequenceRows& rows,
                                     const Sequence& owner) {
  KnownSequence& known = Known(owner);
  known.right = 0;
  known.written =
      std::max(known.written, rows.first_position +
                                  static_cast<int32_t>(rows.token_ids.size()));
  if (rows.draft_rows == 0) return absl::OkStatus();
  const SpeculationOptions& options = scheduler_.options().speculation;
  if (!options.on || rows.draft_rows > options.max_draft) {
    return Broken(rows.draft_rows, " guesses");
  }
  if (owner.remaining() != 1) return Broken("a guess beside a prompt");
  const ExpectedSequence* expected = expectation_(owner);
  if (expected == nullptr) return Broken("guesses for nobody");
  const absl::Span<const int32_t> guesses =
      absl::MakeConstSpan(rows.token_ids).subspan(1);
  known.right = RightGuesses(*expected, owner, guesses);
  const int32_t most = owner.request->request.max_positions() -
                       static_cast<int32_t>(owner.ids.size());
  if (rows.draft_rows >= most) return Broken("guesses beyond the last token");
  return absl::OkStatus();
}

// Guesses take no rows from those who need them.
absl::Status OrderJudge::JudgeDraftCompany(int32_t draft_rows) const {
  const int32_t decoding = static_cast<int32_t>(rows_.size());
  const int32_t max_draft = scheduler_.options().speculation.max_draft;
  for (const Sequence* sequence : scheduler_.running()) {
    const int64_t positions =
        static_cast<int64_t>(sequence->ids.size()) + max_draft;
    if (!Pinned(*sequence, scheduler_.options()) &&
        sequence->blocks.size() > scheduler_.pool().BlocksFor(positions)) {
      return Broken("a sequence has more blocks than its guesses need");
    }
    const int32_t had = std::max(
        known_.at(sequence->request->ticket).sequences[sequence->index].blocks,
        scheduler_.pool().BlocksFor(positions - max_draft));
    if (draft_rows > 0 && sequence->blocks.size() > had &&
        scheduler_.pool().available() < decoding) {
      return Broken("guesses took blocks that others are about to need");
    }
    if (draft_rows > 0 && !sequence->request->paused &&
        sequence->remaining() > 1) {
      return Broken("guesses run beside a prompt");
    }
  }
  for (const Sequence* sequence : scheduler_.waiting()) {
    if (draft_rows > 0 && MayRun(*sequence)) {
      return Broken("guesses run while somebody waits");
    }
  }
  return absl::OkStatus();
}

// Each that decodes has its row; prompts get theirs in order.
absl::Status OrderJudge::JudgeRunningRows(bool& scarce) const {
  std::vector<const Sequence*> prefills;
  for (const Sequence* sequence : stayed_) {
    if (sequence->request->paused) continue;
    if (sequence->remaining() > 1) {
      prefills.push_back(sequence);
    } else if (RowsOf(*sequence) != 1) {
      return Broken("a decoding sequence has no row");
    }
  }
  std::sort(
      prefills.begin(), prefills.end(),
      [this](const Sequence* a, const Sequence* b) { return Comes(*a, *b); });
  for (const Sequence* sequence : prefills) {
    if (scarce && RowsOf(*sequence) > 0) {
      return Broken("a prompt runs before one that comes first");
    }
    scarce = scarce || RowsOf(*sequence) < sequence->remaining();
  }
  return absl::OkStatus();
}

absl::Status OrderJudge::JudgeAdmissions() {
  bool scarce = false;
  RETURN_IF_ERROR(JudgeRunningRows(scarce));
  if (static_cast<int32_t>(scheduler_.running().size()) >
      scheduler_.options().max_batch_size) {
    return Broken("too many sequences run");
  }
  for (const auto* list : {&victims_, &admitted_}) {
    for (const Sequence* sequence : *list) Known(*sequence).running = false;
  }
  preemptions_ += static_cast<int64_t>(victims_.size());
  for (const Sequence* sequence : victims_) {
    KnownSequence& known = Known(*sequence);
    known.lost = known.computed;
    situations_.MetIf(known.written > known.computed,
                      Situation::kPreemptedAfterDraft);
    known.written = 0;
  }
  for (size_t at = 0; at < admitted_.size(); ++at) {
    const Sequence& next = *admitted_[at];
    if (scarce || RowsOf(next) == 0) {
      return Broken("a sequence got blocks in a step without room for it");
    }
    RETURN_IF_ERROR(JudgeAdmitted(at));
    scarce = RowsOf(next) < next.remaining();
    KnownSequence& known = Known(next);
    known.running = true;  // for those of the same request
    const int32_t ids = static_cast<int32_t>(next.ids.size());
    served_[next.request->request.tenant()] +=
        std::max(0, ids - std::max(known.charged, next.computed));
    known.charged = ids;
    preempted_tokens_ += std::max(0, known.lost - next.computed);
    known.lost = 0;
  }
  // A newcomer leaves a block for each of those that run already.
  const int32_t running = static_cast<int32_t>(scheduler_.running().size());
  if (!admitted_.empty() && scheduler_.pool().available() < running - 1) {
    return Broken("a newcomer took the blocks that others are about to need");
  }
  RETURN_IF_ERROR(JudgeBudget(scarce));
  return JudgeIdleRoom(scarce);
}

// All of the budget is used while a prompt has rows left, and no more of it.
absl::Status OrderJudge::JudgeBudget(bool scarce) {
  int32_t rows = 0, decode_rows = 0;
  for (const auto& [sequence, count] : rows_) rows += count;
  for (const Sequence* sequence : stayed_) {
    decode_rows += !sequence->request->paused && sequence->remaining() == 1;
  }
  prefill_rows_ = rows - decode_rows;
  const int32_t budget =
      std::min(std::max(budget_.rows(), 1),
               scheduler_.options().max_step_rows - decode_rows);
  if (prefill_rows_ > budget) {
    return Broken(prefill_rows_, " prefill rows, limit ", budget);
  }
  if (scarce && prefill_rows_ < budget) {
    return Broken(prefill_rows_, " prefill rows while more wait, of ", budget);
  }
  return absl::OkStatus();
}

// Nobody who could have been next came before it.
absl::Status OrderJudge::JudgeAdmitted(size_t at) {
  const Sequence& next = *admitted_[at];
  if (next.request->paused) return Broken("a paused sequence got blocks");
  if (WaitsForSibling(next) || AwaitsPrefix(next)) {
    return Broken("a sequence computes what another is about to leave");
  }
  RETURN_IF_ERROR(JudgeStarted(next));
  const SchedulerOptions& options = scheduler_.options();
  if (Pinned(next, options) &&
      next.blocks.capacity() < next.request->request.max_positions()) {
    return Broken("a sequence at its cap may need more blocks");
  }
  std::vector<const Sequence*> others(admitted_.begin() + at + 1,
                                      admitted_.end());
  for (const Sequence* sequence : scheduler_.waiting()) {
    if (MayRun(*sequence)) others.push_back(sequence);
  }
  for (const Sequence* other : others) {
    if (!Comes(*other, next) || Awaits(*other)) continue;
    return Broken("sequence ", next.index, " of ", next.request->request.id(),
                  " goes before one of ", other->request->request.id());
  }
  for (const Sequence* other : others) {
    const bool same_class = ClassOf(*other->request) == ClassOf(*next.request);
    situations_.MetIf(
        same_class && other->request->ticket < next.request->ticket,
        Situation::kTenantTurns);
  }
  return absl::OkStatus();
}

// What a request is told of the cache is what its first sequence found there.
absl::Status OrderJudge::JudgeStarted(const Sequence& next) const {
  const LiveRequest& request = *next.request;
  if (request.started_at != began_ || request.request.n() > 1 ||
      next.preemptions > 0) {
    return absl::OkStatus();
  }
  const int32_t found =
      std::min(next.computed, request.request.prompt_tokens());
  if (request.cached_tokens == found) return absl::OkStatus();
  return Broken("said to have found ", request.cached_tokens, " tokens of ",
                found);
}

// By what runs so far: one has begun the prompt that it will share.
bool OrderJudge::WaitsForSibling(const Sequence& sequence) const {
  const LiveRequest& request = *sequence.request;
  const int32_t shared = request.request.prompt_tokens() - 1;
  const KnownRequest& known = known_.at(request.ticket);
  bool any_runs = false, any_is_through = false;
  for (const Sequence& sibling : request.sequences) {
    const bool runs = sibling.state == State::kRunning &&
                      known.sequences[sibling.index].running;
    any_runs = any_runs || runs;
    any_is_through = any_is_through || (runs && sibling.computed >= shared);
  }
  return any_runs && !any_is_through;
}

// One that runs so far computes a block that it would then find in the cache.
bool OrderJudge::AwaitsPrefix(const Sequence& sequence) const {
  const Request& request = sequence.request->request;
  if (!scheduler_.options().prefix_cache || request.bypass_prefix_cache()) {
    return false;
  }
  const size_t size = static_cast<size_t>(scheduler_.pool().block_size());
  for (const Sequence* other : scheduler_.running()) {
    const Request& runs = other->request->request;
    const size_t next = (other->computed / size + 1) * size;
    // Of public prefixes everybody's blocks are the same.
    const size_t theirs_public = runs.public_prefix_tokens() / size;
    const size_t own_public = request.public_prefix_tokens() / size;
    const bool theirs =
        (runs.tenant() == request.tenant() && theirs_public == own_public) ||
        next <= size * std::min(theirs_public, own_public);
    if (!theirs || runs.bypass_prefix_cache() || other->request->paused ||
        other->remaining() <= 1 || next > other->ids.size() ||
        next >= sequence.ids.size() ||
        !known_.at(other->request->ticket).sequences[other->index].running) {
      continue;
    }
    if (std::equal(sequence.ids.begin(), sequence.ids.begin() + next,
                   other->ids.begin())) {
      return true;
    }
  }
  return false;
}

// There were rows left: then the first in order had no blocks or no place.
absl::Status OrderJudge::JudgeIdleRoom(bool scarce) {
  const SchedulerOptions& options = scheduler_.options();
  int32_t rows = 0;
  for (const auto& [sequence, count] : rows_) rows += count;
  const int32_t budget = std::min(std::max(budget_.rows(), 1),
                                  options.max_step_rows - rows + prefill_rows_);
  if (scarce || prefill_rows_ >= budget) return absl::OkStatus();
  const Sequence* first = nullptr;
  for (const Sequence* sequence : scheduler_.waiting()) {
    if (!MayRun(*sequence) || Awaits(*sequence)) continue;
    if (first == nullptr || Comes(*sequence, *first)) first = sequence;
  }
  const int32_t running = static_cast<int32_t>(scheduler_.running().size());
  if (first == nullptr || running >= options.max_batch_size) {
    return absl::OkStatus();
  }
  // Those that are new may wait for company.
  if (running == 0 && options.min_batch_size > 1) return absl::OkStatus();
  situations_.Met(Situation::kFirstDidNotFit);
  const int64_t positions = Pinned(*first, options)
                                ? first->request->request.max_positions()
                                : static_cast<int64_t>(first->ids.size());
  const BlockPool& pool = scheduler_.pool();
  // One more than its positions need: a part of a cached block is held while it
  // is copied.
  if (pool.BlocksFor(positions) + 1 + running > pool.available()) {
    return absl::OkStatus();
  }
  return Broken("the first in order waits although there is room");
}

void OrderJudge::ChargeTokens(const StepPlan& plan, int32_t failing_row) {
  if (failing_row == kAllFail) return;
  int32_t row = 0;
  for (const SequenceRows& rows : plan.sequences) {
    if (!rows.wants_logits) continue;
    const Sequence& owner = OwnerOf(rows);
    CountDraft(rows, owner);
    KnownSequence& known = Known(owner);
    // A bad row ends the request only if it is looked at.
    const int32_t failing = failing_row - row;
    const bool fails = failing >= 0 && failing <= known.right;
    const int32_t tokens = fails ? failing : known.right + 1;
    situations_.MetIf(fails && failing > 0, Situation::kNotANumberInDraft);
    served_[owner.request->request.tenant()] += tokens;
    known.charged += tokens;
    row += rows.logit_rows();
  }
}

const Sequence& OrderJudge::OwnerOf(const SequenceRows& rows) const {
  const int32_t size = scheduler_.pool().block_size();
  return *row_owners_[rows.block_table[rows.first_position / size]];
}

void OrderJudge::CountDraft(const SequenceRows& rows, const Sequence& owner) {
  if (rows.draft_rows == 0) return;
  const int32_t right = Known(owner).right;
  const ExpectedSequence& expected = *expectation_(owner);
  const SamplingParams& params = owner.request->request.params();
  situations_.MetIf(right == rows.draft_rows, Situation::kDraftAccepted);
  situations_.MetIf(right > 0 && right < rows.draft_rows,
                    Situation::kDraftPartly);
  situations_.MetIf(right == 0, Situation::kDraftRejected);
  situations_.MetIf(right > 0 && params.repetition_penalty != 1.0f,
                    Situation::kDraftPenalised);
  situations_.MetIf(right > 0 && !params.greedy(), Situation::kDraftSampled);
  situations_.MetIf(
      right < rows.draft_rows &&
          owner.stops.generated() + right + 1 == expected.generated,
      Situation::kEndedInDraft);
  const int32_t size = scheduler_.pool().block_size();
  situations_.MetIf(
      rows.first_position / size != (rows.first_position + right) / size,
      Situation::kDraftOverBlocks);
}

int32_t OrderJudge::ValidRows(const SequenceRows& rows) const {
  const int32_t count = static_cast<int32_t>(rows.token_ids.size());
  if (rows.draft_rows == 0) return count;
  const Sequence& owner = OwnerOf(rows);
  return count - rows.draft_rows +
         known_.at(owner.request->ticket).sequences[owner.index].right;
}

bool OrderJudge::HasRejected(Ticket ticket) const {
  const auto found = known_.find(ticket);
  if (found == known_.end()) return false;
  const auto& sequences = found->second.sequences;
  return std::any_of(sequences.begin(), sequences.end(),
                     [](const KnownSequence& s) {
                       return s.running && s.written > s.computed;
                     });
}

void OrderJudge::Remember() {
  for (const Sequence* sequence : scheduler_.waiting()) {
    Known(*sequence).running = false;
  }
  for (const auto* list : {&scheduler_.running(), &scheduler_.waiting()}) {
    for (const Sequence* sequence : *list) {
      KnownSequence& known = Known(*sequence);
      known.preemptions = sequence->preemptions;
      known.running = sequence->state == State::kRunning;
      known.blocks = sequence->blocks.size();
      known.pinned = known.running && Pinned(*sequence, scheduler_.options());
    }
  }
}

absl::Status OrderJudge::JudgeCounts() const {
  const SchedulerCounts counts = scheduler_.counts();
  int32_t started = 0, paused = 0;
  int64_t owed = 0;
  for (const auto& [ticket, live] : scheduler_.requests()) {
    started += live->started;
    paused += live->paused;
    for (const Sequence& sequence : live->sequences) {
      if (sequence.state == State::kEnded) continue;
      owed += live->request.max_positions() - sequence.computed;
    }
  }
  if (counts.running_requests != started || counts.paused_requests != paused ||
      counts.outstanding_tokens != owed) {
    return Broken("requests are counted otherwise than they are");
  }
  if (counts.preemptions != preemptions_ ||
      counts.preempted_tokens != preempted_tokens_) {
    return Broken(counts.preemptions, " preemptions of ",
                  counts.preempted_tokens, " tokens, expected ", preemptions_,
                  " of ", preempted_tokens_);
  }
  return absl::OkStatus();
}

absl::Status OrderJudge::AfterStep(Nanos took) {
  if (took > 0) budget_.AfterStep(prefill_rows_, took);
  std::erase_if(known_, [this](const auto& entry) {
    return !scheduler_.requests().contains(entry.first);
  });
  std::map<const TenantLedger::Account*, int32_t> live_requests;
  for (const auto& [ticket, live] : scheduler_.requests()) {
    ++live_requests[live->account];
    const int64_t expected = served_[live->request.tenant()];
    if (live->account->served != expected) {
      return Broken(live->request.tenant(), " was charged ",
                    live->account->served, " tokens, expected ", expected);
    }
  }
  for (const auto& [account, count] : live_requests) {
    if (account->requests == count) continue;
    return Broken("an account counts ", account->requests,
                  " requests, alive are ", count);
  }
  for (const Sequence* sequence : scheduler_.running()) {
    Known(*sequence).computed = sequence->computed;
  }
  return JudgeCounts();
}

int32_t OrderJudge::PositionOf(Ticket ticket) const {
  const auto place = [this](const LiveRequest& request) {
    return std::make_tuple(
        ClassOf(request), served_.at(request.request.tenant()), request.ticket);
  };
  const auto found = scheduler_.requests().find(ticket);
  if (found == scheduler_.requests().end() || found->second->started) return -1;
  int32_t ahead = 0;
  for (const auto& [other, live] : scheduler_.requests()) {
    ahead += !live->started && place(*live) < place(*found->second);
  }
  return ahead;
}

}  // namespace sluice::generator
