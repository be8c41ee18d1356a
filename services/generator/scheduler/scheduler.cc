#include "services/generator/scheduler/scheduler.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "services/generator/scheduler/queue_shares.h"
#include "services/generator/scheduler/scheduling_order.h"

namespace sluice::generator {
namespace {

using State = Sequence::State;

// Tenants whose debt is remembered while they have no request.
constexpr int32_t kMaxIdleTenants = 1024;

void DropOthers(std::vector<Sequence*>& sequences, State state) {
  std::erase_if(sequences,
                [&](const Sequence* s) { return s->state != state; });
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options,
                     const SchedulerModel& model, const Vocabulary& vocabulary,
                     DraftSource* drafts)
    : options_(options),
      vocabulary_(vocabulary),
      model_(model),
      ledger_(kMaxIdleTenants),
      kv_(options, model),
      drafts_(drafts),
      speculation_(options.speculation) {
  SLUICE_CHECK(CheckOptions(options).ok(), "options are checked by the caller");
}

absl::Status Scheduler::Submit(Ticket ticket, Request request, Nanos now) {
  SLUICE_CHECK(requests_.empty() || requests_.rbegin()->first < ticket,
               "tickets grow");
  RETURN_IF_ERROR(CheckAdmission(request, now));
  TenantLedger::Account& account = ledger_.Enter(request.tenant());
  auto live =
      std::make_unique<LiveRequest>(ticket, std::move(request), account, now);
  live->start_by = StartBy(live->request, options_, now);
  live->first_token_by = FirstTokenBy(live->request, options_, now);
  for (int32_t i = 0; i < live->request.n(); ++i) {
    live->sequences.emplace_back(*live, i, kv_.pool(), vocabulary_,
                                 model_.vocabulary_size);
    kv_.Enter(live->sequences.back());
  }
  LiveRequest& placed = *live;
  requests_.emplace(ticket, std::move(live));
  for (Sequence& sequence : placed.sequences) {
    if (sequence.state == State::kWaiting) waiting_.push_back(&sequence);
  }
  if (placed.all_ended()) {
    // Everything was delivered by earlier attempts but the end of the stream.
    MarkStarted(placed, now);
    FinishIfEnded(ticket);
  }
  return absl::OkStatus();
}

absl::Status Scheduler::CheckAdmission(const Request& request,
                                       Nanos now) const {
  RETURN_IF_ERROR(CheckFits(request, model_));
  const QueueLoad load = LoadFor(request, now);
  const Rates rates = meter_.rates(now);
  const Nanos retry_delay = RetryDelay(load.requests, options_, rates);
  RETURN_IF_ERROR(CheckQueue(request, load, options_, retry_delay));
  const auto check = [&](int64_t prefill_tokens) {
    return CheckWaits(request,
                      ExpectWaits(request, prefill_tokens, load, rates),
                      options_, now, retry_delay);
  };
  const int64_t tokens =
      request.prompt_tokens() + static_cast<int64_t>(request.resumed(0).size());
  if (check(tokens).ok()) return absl::OkStatus();
  // To hash the prompt is worth it only now.
  return check(tokens - kv_.CountCached(request));
}

QueueLoad Scheduler::LoadFor(const Request& request, Nanos now) const {
  const QueueShares shares(requests_);
  QueueLoad load;
  load.requests = shares.requests();
  load.tokens = shares.tokens();
  const TenantLedger::Account* account = ledger_.Find(request.tenant());
  const int32_t priority_class = static_cast<int32_t>(request.priority());
  load.ahead = shares.Ahead(account, priority_class);
  load.own = shares.Own(account, priority_class);
  load.own_starts_per_second = StartsPerSecond(request.tenant(), now);
  for (const Sequence* sequence : running_) {
    if (sequence->request->paused) continue;
    load.prefill_rows += sequence->remaining() - 1;
  }
  return load;
}

QueueRoom Scheduler::Room(Nanos now) const {
  const QueueShares shares(requests_);
  const Rates rates = meter_.rates(now);
  QueueRoom room;
  room.retry_delay = RetryDelay(shares.requests(), options_, rates);
  room.requests = shares.tokens() >= options_.max_queued_tokens
                      ? 0
                      : options_.max_queued_requests - shares.requests();
  const int32_t most = MostAhead(options_, rates.starts_per_second);
  if (most == QueueRoom::kEndless) return room;
  const auto more = [&](const TenantLedger::Account* account, int32_t c) {
    const int32_t in_turn = most - shares.Ahead(account, c);
    if (account == nullptr) return std::max(0, in_turn + 1);
    const int32_t own = MostAhead(options_, account->starts.PerSecond(now, 1)) -
                        shares.Own(account, c);
    return std::max(0, std::min(in_turn, own) + 1);
  };
  for (int32_t c = 0; c < kPriorityClasses; ++c) {
    room.others[c] = more(nullptr, c);
  }
  for (const auto& [ticket, live] : requests_) {
    if (live->started) continue;
    for (int32_t c = 0; c < kPriorityClasses; ++c) {
      const auto [entry, is_new] =
          room.tenants.try_emplace({live->request.tenant(), c}, 0);
      if (is_new) entry->second = more(live->account, c);
    }
  }
  return room;
}

double Scheduler::StartsPerSecond(const std::string& tenant, Nanos now) const {
  const TenantLedger::Account* account = ledger_.Find(tenant);
  return account == nullptr ? 0 : account->starts.PerSecond(now, 1);
}

void Scheduler::Abort(Ticket ticket, absl::Status status) {
  SLUICE_CHECK(planned_.empty(), "no request ends between Plan and Commit");
  const auto found = requests_.find(ticket);
  if (found == requests_.end()) return;
  LiveRequest& request = *found->second;
  // Who was cut off may come back with what there is.
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    for (Sequence& sequence : request.sequences) {
      if (sequence.state == State::kRunning) kv_.PublishRest(sequence);
    }
  }
  Emit(request, Failed{.status = std::move(status),
                       .phase = request.phase(),
                       .computed_tokens = request.computed_tokens});
  Erase(request);
}

void Scheduler::SetPaused(Ticket ticket, bool paused) {
  const auto found = requests_.find(ticket);
  if (found != requests_.end()) found->second->paused = paused;
}

const PlannedStep& Scheduler::Plan(Nanos now, int32_t prefill_rows) {
  SLUICE_CHECK(planned_.empty(), "the last plan was committed or failed");
  step_ = PlannedStep{};
  measured_ = {};
  measured_tenants_.clear();
  ExpireLate(now);
  AgeClasses(now);
  std::sort(
      running_.begin(), running_.end(),
      [](const Sequence* a, const Sequence* b) { return ComesBefore(*a, *b); });
  PlanDecode();
  int32_t budget = std::min(std::max(prefill_rows, 1),
                            options_.max_step_rows - step_.decode_rows);
  PlanPrefill(budget);
  AdmitWaiting(budget, now);
  DropOthers(waiting_, State::kWaiting);
  PlanMeasurement(/*prefill_full=*/budget == 0);
  planned_at_ = now;
  return step_;
}

void Scheduler::PlanMeasurement(bool prefill_full) {
  measured_.prefill_rows = step_.prefill_rows;
  measured_.decode_rows = step_.decode_rows;
  measured_.prefill_full = prefill_full;
  for (const Sequence* sequence : waiting_) {
    if (sequence->request->started) continue;
    measured_.queue_waited = true;
    measured_tenants_[sequence->request->account].waited = true;
  }
}

void Scheduler::MeasureStep(Nanos now) {
  measured_.elapsed = now - planned_at_;
  meter_.OnStep(measured_, now);
  if (measured_.elapsed <= 0) return;
  for (const auto& [account, step] : measured_tenants_) {
    if (!step.waited) continue;
    account->starts.Add(step.started, measured_.elapsed, now);
  }
}

void Scheduler::ExpireLate(Nanos now) {
  std::vector<const LiveRequest*> late;
  int32_t queued = 0;
  for (const auto& [ticket, request] : requests_) {
    queued += !request->started;
    if (request->ends_by() <= now) late.push_back(request.get());
  }
  if (late.empty()) return;
  const Nanos retry_delay = RetryDelay(queued, options_, meter_.rates(now));
  for (const LiveRequest* request : late) {
    const Nanos waited = now - request->arrived_at;
    absl::Status status = absl::DeadlineExceededError("deadline: passed");
    if (request->request.deadline() > now) {
      status = !request->started && request->start_by <= now
                   ? QueueTimeoutError(waited, retry_delay)
                   : FirstTokenTimeoutError(waited, retry_delay);
    }
    Abort(request->ticket, std::move(status));
  }
}

void Scheduler::PlanDecode() {
  std::vector<Sequence*> decoding;
  for (Sequence* sequence : running_) {
    if (sequence->state != State::kRunning || sequence->request->paused ||
        sequence->remaining() != 1) {
      continue;
    }
    if (GrowByPreempting(*sequence)) decoding.push_back(sequence);
  }
  DropOthers(running_, State::kRunning);
  if (MayDraft()) {
    speculation_.Plan(decoding, drafts_ == nullptr ? lookup_ : *drafts_,
                      kv_.pool(), options_.max_step_rows);
  }
  for (Sequence* sequence : decoding) {
    AddRows(*sequence, 1);
    AddDrafts(*sequence);
    ++step_.decode_rows;
  }
}

bool Scheduler::MayDraft() const {
  if (!options_.speculation.on || !model_.takes_drafts) return false;
  const auto prefills = [](const Sequence* sequence) {
    return !sequence->request->paused && sequence->remaining() > 1;
  };
  const auto may_start = [](const Sequence* sequence) {
    return !sequence->request->paused;
  };
  return std::none_of(running_.begin(), running_.end(), prefills) &&
         std::none_of(waiting_.begin(), waiting_.end(), may_start);
}

void Scheduler::PlanPrefill(int32_t& budget) {
  for (Sequence* sequence : running_) {
    if (budget == 0) return;
    if (sequence->request->paused || sequence->remaining() <= 1) continue;
    const int32_t rows = std::min(budget, sequence->remaining());
    AddRows(*sequence, rows);
    step_.prefill_rows += rows;
    budget -= rows;
  }
}

Nanos Scheduler::GathersUntil() const {
  if (options_.min_batch_size == 1 || !running_.empty()) return 0;
  int32_t count = 0;
  Nanos oldest = kNoDeadline;
  for (const Sequence* sequence : waiting_) {
    const LiveRequest& request = *sequence->request;
    if (sequence->state != State::kWaiting || request.paused) continue;
    if (request.started) return 0;
    oldest = std::min(oldest, request.arrived_at);
    ++count;
  }
  if (count == 0 || count >= options_.min_batch_size) return 0;
  return oldest + options_.batch_timeout_ms * kNanosPerMilli;
}

void Scheduler::AdmitWaiting(int32_t& budget, Nanos now) {
  if (now < GathersUntil()) return;
  while (budget > 0) {
    // Asked each time, for each that is admitted puts its tenant further back.
    // The first in order that does not fit holds up those behind it, or a
    // large one would wait for ever.
    Sequence* sequence = NextWaiting();
    if (sequence == nullptr || !MakePlace() || !AdmitOne(*sequence, now))
      return;
    const int32_t rows = std::min(budget, sequence->remaining());
    AddRows(*sequence, rows);
    step_.prefill_rows += rows;
    budget -= rows;
  }
}

Sequence* Scheduler::NextWaiting() {
  Sequence* first = nullptr;
  for (Sequence* sequence : waiting_) {
    if (sequence->state != State::kWaiting || sequence->request->paused ||
        SiblingPrefills(*sequence) || kv_.SoonCached(*sequence, running_)) {
      continue;
    }
    if (first == nullptr || ComesBefore(*sequence, *first)) first = sequence;
  }
  return first;
}

bool Scheduler::MakePlace() {
  if (static_cast<int32_t>(running_.size()) < options_.max_batch_size) {
    return true;
  }
  Sequence* victim = PickVictim(running_, /*paused_only=*/true);
  if (victim == nullptr) return false;
  Preempt(*victim);
  DropOthers(running_, State::kRunning);
  return true;
}

bool Scheduler::AdmitOne(Sequence& sequence, Nanos now) {
  // Those that run already may each need a block soon; without this margin the
  // newcomer would be the one to give its blocks up again.
  while (!kv_.Take(sequence, static_cast<int32_t>(running_.size()),
                   step_.plan.copies)) {
    Sequence* victim = PickVictim(running_, /*paused_only=*/true);
    if (victim == nullptr) {
      if (AnyCanRun() || !kv_.CoolAll()) return false;
      continue;
    }
    Preempt(*victim);
    DropOthers(running_, State::kRunning);
  }
  sequence.Charge(sequence.computed);
  preempted_tokens_ += std::max(0, sequence.lost - sequence.computed);
  sequence.lost = 0;
  sequence.state = State::kRunning;
  running_.push_back(&sequence);
  MarkStarted(*sequence.request, now);
  return true;
}

bool Scheduler::AnyCanRun() const {
  return std::any_of(running_.begin(), running_.end(), [](const Sequence* s) {
    return s->state == State::kRunning && !s->request->paused;
  });
}

bool Scheduler::GrowByPreempting(Sequence& sequence) {
  while (!sequence.blocks.Grow(static_cast<int64_t>(sequence.ids.size()))) {
    Sequence* victim = PickVictim(running_, /*paused_only=*/true);
    if (victim == nullptr) victim = PickVictim(running_, /*paused_only=*/false);
    // The sequence itself is unpinned, so there always is one.
    SLUICE_CHECK(victim != nullptr, "a pinned sequence never grows");
    Preempt(*victim);
    if (victim == &sequence) return false;
  }
  return true;
}

// Leaves the sequence in running_, for callers that iterate over it.
void Scheduler::Preempt(Sequence& sequence) {
  kv_.PublishRest(sequence);
  sequence.blocks.Clear();
  ++preemptions_;
  ++sequence.preemptions;
  sequence.lost = sequence.computed;
  sequence.computed = 0;
  sequence.state = State::kWaiting;
  waiting_.push_back(&sequence);
}

void Scheduler::AddRows(Sequence& sequence, int32_t rows) {
  const int32_t first = sequence.computed;
  SLUICE_CHECK(sequence.blocks.Writable(first, first + rows),
               "only blocks of its own are written");
  SequenceRows planned;
  planned.token_ids.assign(sequence.ids.begin() + first,
                           sequence.ids.begin() + first + rows);
  planned.first_position = first;
  planned.block_table = sequence.blocks.ids();
  planned.wants_logits = rows == sequence.remaining();
  planned_.push_back({&sequence, rows, planned.wants_logits});
  if (planned.wants_logits) {
    const Request& request = sequence.request->request;
    SampleJob job;
    job.params = &request.params();
    job.point.seen = sequence.seen.get();
    if (sequence.stops.generated() < request.params().min_new_tokens) {
      job.point.banned_ids = request.eos_ids();
    }
    job.point.sequence_index = sequence.index;
    job.point.position = static_cast<int64_t>(sequence.ids.size());
    step_.samples.push_back(job);
  }
  step_.plan.sequences.push_back(std::move(planned));
}

void Scheduler::AddDrafts(Sequence& sequence) {
  if (sequence.drafts.empty()) return;
  const absl::Span<const int32_t> drafts = sequence.drafts;
  const int32_t count = static_cast<int32_t>(drafts.size());
  SLUICE_CHECK(sequence.blocks.Writable(sequence.computed,
                                        sequence.computed + 1 + count),
               "only blocks of its own are written");
  SequenceRows& planned = step_.plan.sequences.back();
  planned.token_ids.insert(planned.token_ids.end(), drafts.begin(),
                           drafts.end());
  planned.draft_rows = count;
  step_.draft_rows += count;
  const Request& request = sequence.request->request;
  const SampleJob first = step_.samples.back();
  for (int32_t i = 1; i <= count; ++i) {
    SampleJob job = first;
    job.guess = drafts[i - 1];
    job.point.position += i;
    job.point.drafted = drafts.subspan(0, i);
    const int32_t generated = sequence.stops.generated() + i;
    job.point.banned_ids = {};
    if (generated < request.params().min_new_tokens) {
      job.point.banned_ids = request.eos_ids();
    }
    step_.samples.push_back(job);
  }
}

void Scheduler::MarkStarted(LiveRequest& request, Nanos now) {
  if (request.started) return;
  request.started = true;
  request.started_at = now;
  ++measured_.started_requests;
  ++measured_tenants_[request.account].started;
  Emit(request, Started{.prompt_tokens = request.request.prompt_tokens(),
                        .cached_tokens = request.cached_tokens,
                        .params = request.request.params()});
  for (const Sequence& sequence : request.sequences) {
    if (sequence.state != State::kEnded) continue;
    Emit(request, Delta{.index = sequence.index, .end = sequence.end});
  }
}

void Scheduler::FinishIfEnded(Ticket ticket) {
  const auto found = requests_.find(ticket);
  if (found == requests_.end() || !found->second->all_ended()) return;
  LiveRequest& request = *found->second;
  Finished finished;
  finished.prompt_tokens = request.request.prompt_tokens();
  finished.cached_tokens = request.cached_tokens;
  for (const Sequence& sequence : request.sequences) {
    finished.ends.push_back(*sequence.end);
    finished.generated_tokens += sequence.stops.generated();
  }
  finished.queue_time = request.started_at - request.arrived_at;
  if (request.first_token_at != 0) {
    finished.prefill_time = request.first_token_at - request.started_at;
    finished.decode_time = request.last_token_at - request.first_token_at;
  }
  Emit(request, std::move(finished));
  Erase(request);
}

void Scheduler::Erase(LiveRequest& request) {
  const auto is_its = [&](const Sequence* s) { return s->request == &request; };
  std::erase_if(waiting_, is_its);
  std::erase_if(running_, is_its);
  ledger_.Leave(request.request.tenant());
  requests_.erase(request.ticket);
}

void Scheduler::AgeClasses(Nanos now) {
  const Nanos step = options_.priority_aging_ms * kNanosPerMilli;
  for (auto& [ticket, request] : requests_) {
    const int64_t classes_up = (now - request->arrived_at) / step;
    request->aged_class = static_cast<int32_t>(std::max<int64_t>(
        0, static_cast<int64_t>(request->request.priority()) - classes_up));
  }
}

void Scheduler::Emit(const LiveRequest& request,
                     decltype(TokenEvent::body) body) {
  events_.push_back({request.ticket, std::move(body)});
}

std::vector<TokenEvent> Scheduler::TakeEvents() {
  return std::exchange(events_, {});
}

std::vector<std::pair<Ticket, int32_t>> Scheduler::QueuePositions() {
  std::vector<const LiveRequest*> queued;
  for (const auto& [ticket, request] : requests_) {
    if (!request->started) queued.push_back(request.get());
  }
  std::sort(queued.begin(), queued.end(),
            [](const LiveRequest* a, const LiveRequest* b) {
              return ComesBefore(*a, *b);
            });
  std::vector<std::pair<Ticket, int32_t>> positions;
  for (size_t i = 0; i < queued.size(); ++i) {
    positions.emplace_back(queued[i]->ticket, static_cast<int32_t>(i));
  }
  return positions;
}

Nanos Scheduler::NextDeadline() const {
  const Nanos gathers_until = GathersUntil();
  Nanos next = gathers_until == 0 ? kNoDeadline : gathers_until;
  for (const auto& [ticket, request] : requests_) {
    next = std::min(next, request->ends_by());
  }
  return next;
}

SchedulerCounts Scheduler::counts() const {
  SchedulerCounts counts;
  for (const auto& [ticket, request] : requests_) {
    if (request->started) {
      ++counts.running_requests;
    } else {
      ++counts.queued_requests;
      counts.queued_tokens += request->request.cost_tokens();
    }
    if (request->paused) ++counts.paused_requests;
    for (const Sequence& sequence : request->sequences) {
      if (sequence.state == State::kEnded) continue;
      counts.outstanding_tokens +=
          request->request.max_positions() - sequence.computed;
    }
  }
  counts.running_sequences = static_cast<int32_t>(running_.size());
  counts.waiting_sequences = static_cast<int32_t>(waiting_.size());
  counts.preemptions = preemptions_;
  counts.preempted_tokens = preempted_tokens_;
  counts.prefix = kv_.counts();
  return counts;
}

}  // namespace sluice::generator
