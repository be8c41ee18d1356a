#include "tests/simulation/episode.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/generator/engine/invariants.h"
#include "tests/simulation/queue_judge.h"
#include "tests/simulation/wait_estimate.h"

namespace sluice::generator {
namespace {

// A turn is a step: no request may need this many turns, however unlucky.
constexpr int64_t kTurnsForRequest = 400;
constexpr int32_t kMostRefusals = 12;
// The cache is watched in one episode of so many: looking at all blocks after
// each step is what costs most.
constexpr uint64_t kCacheJudgedIn = 4;

absl::Status Broken(const std::string& what) {
  return absl::InternalError("engine: " + what);
}

TenantHashRunner::Fault DrawFault(Dice& dice) {
  using Fault = TenantHashRunner::Fault;
  if (dice.OneIn(40)) return Fault::kNotANumberInDraft;
  if (!dice.OneIn(400)) return Fault::kNone;
  return dice.OneIn(2) ? Fault::kStep : Fault::kNotANumber;
}

std::shared_ptr<Outbox> MakeOutbox(const OutboxLimits& limits) {
  return std::make_shared<Outbox>(
      limits, [] {}, [] {});
}

// The end of a stream that nobody reads, once everything before it is gone.
std::optional<absl::Status> EndOf(Outbox& outbox) {
  while (true) {
    Outbox::Taken taken = outbox.Take();
    if (!taken.message.has_value()) return taken.end;
  }
}

}  // namespace

Episode::Episode(uint64_t seed, int32_t requests, const EpisodeParts& parts)
    : parts_(parts),
      dice_(seed),
      world_(dice_),
      oracle_(parts.vocabulary, kSimVocabulary),
      limits_(MakeSimLimits()),
      requests_(requests),
      judges_cache_(seed % kCacheJudgedIn == 0),
      turns_left_(kTurnsForRequest * requests) {
  StartEngine();
}

void Episode::StartEngine() {
  const PoolShape pool = world_.DrawPool(dice_);
  cache_ = nullptr;
  order_ = nullptr;
  core_ = nullptr;
  runner_ = std::make_unique<TenantHashRunner>(kSimVocabulary, kSimContext,
                                               pool, clock_);
  const auto expectation = [this](const Sequence& sequence) {
    return ExpectationOf(sequence);
  };
  if (const std::optional<double> rate = world_.planted_rate()) {
    drafts_ = std::make_unique<PlantedDrafts>(*rate, dice_, expectation);
  }
  EngineParts parts{*runner_, parts_.vocabulary, clock_, parts_.metrics,
                    board_};
  parts.drafts = drafts_.get();
  core_ = std::make_unique<EngineCore>(world_.options(), parts);
  waits_.emplace(parts_.situations);
  const Scheduler& scheduler = core_->scheduler();
  runner_->Watch(scheduler, [this](const StepPlan& plan) { OnPlan(plan); });
  order_ = std::make_unique<OrderJudge>(scheduler, world_.options().pacer,
                                        expectation, parts_.situations);
  if (judges_cache_) {
    cache_ = std::make_unique<CacheJudge>(scheduler, parts_.situations);
  }
  for (Guest& guest : guests_) guest.ticket = 0;
}

const ExpectedSequence* Episode::ExpectationOf(const Sequence& sequence) const {
  for (const Guest& guest : guests_) {
    if (guest.ticket != sequence.request->ticket) continue;
    return &guest.client->expected(sequence.index);
  }
  return nullptr;
}

absl::Status Episode::Run() {
  while (tally_.requests < requests_ || !guests_.empty()) {
    if (--turns_left_ < 0) return Broken("requests wait for ever");
    RETURN_IF_ERROR(Turn());
  }
  if (!core_->idle() || !core_->scheduler().idle()) {
    return Broken("a request is left behind");
  }
  if (core_->scheduler().block_counts().active != 0) {
    return Broken("blocks are held after the end");
  }
  return absl::OkStatus();
}

absl::Status Episode::Turn() {
  RETURN_IF_ERROR(Arrive());
  RETURN_IF_ERROR(SubmitWaiting());
  RETURN_IF_ERROR(KillSometimes());
  RETURN_IF_ERROR(FenceSometimes());
  RETURN_IF_ERROR(Step());
  RETURN_IF_ERROR(LetClientsAct());
  RemoveEnded();
  return absl::OkStatus();
}

absl::Status Episode::Arrive() {
  int32_t count = std::max(0, world_.target_in_flight() - alive());
  if (count > 0) count = dice_.Between(0, std::min(count, 4));
  if (alive() <= world_.target_in_flight() && dice_.OneIn(100)) {
    count += dice_.Between(10, 40);
  }
  for (; count > 0 && tally_.requests < requests_; --count) {
    RETURN_IF_ERROR(AddGuest());
  }
  return absl::OkStatus();
}

absl::Status Episode::AddGuest() {
  RequestFields fields =
      world_.DrawRequest(dice_, tally_.requests++, clock_.Now());
  auto request = Request::Create(fields, limits_);
  if (!request.ok()) return request.status();
  tally_.prompt_tokens += request->prompt_tokens();
  Guest guest;
  std::vector<ExpectedSequence> expected = oracle_.Expect(fields);
  guest.client =
      std::make_unique<Client>(std::move(fields), std::move(expected),
                               world_.DrawHabits(dice_), parts_.situations);
  guest.arrived_at = clock_.Now();
  guests_.push_back(std::move(guest));
  return absl::OkStatus();
}

absl::Status Episode::SubmitWaiting() {
  for (Guest& guest : guests_) {
    if (guest.client->submitted()) continue;
    // Who was refused tries again later.
    if (guest.client->fields().attempt > 0 && !dice_.OneIn(4)) continue;
    RETURN_IF_ERROR(SubmitOne(guest));
  }
  return absl::OkStatus();
}

absl::Status Episode::SubmitOne(Guest& guest) {
  Client& client = *guest.client;
  const RequestFields fields = client.NextAttempt();
  auto request = Request::Create(fields, limits_);
  if (!request.ok()) return request.status();
  auto outbox = MakeOutbox(world_.options().outbox);
  const Scheduler& scheduler = core_->scheduler();
  const std::string id = client.fields().request_id;
  const QueueCount queue = CountQueue(scheduler, id);
  const WaitEstimate estimate = EstimateWaits(fields, scheduler, clock_.Now());
  core_->Submit({*std::move(request), outbox});
  RETURN_IF_ERROR(order_->AfterSubmit(id, clock_.Now()));
  const absl::Status refusal = RefusalOf(*outbox);
  RETURN_IF_ERROR(JudgeAdmission(client.fields(), queue, scheduler, refusal,
                                 parts_.situations));
  const std::string reason = ReasonOf(refusal).value_or("");
  if (refusal.ok() || reason == kReasonDeadlineUnmeetable) {
    RETURN_IF_ERROR(JudgeEstimate(fields, estimate, scheduler.options(),
                                  clock_.Now(), !refusal.ok()));
  }
  guest.ticket = 0;
  if (!refusal.ok()) return JudgeRefusal(guest, refusal);
  RETURN_IF_ERROR(CheckInvariants(scheduler));
  if (!scheduler.requests().empty()) {
    const auto& [ticket, newest] = *scheduler.requests().rbegin();
    if (newest->request.id() == id) guest.ticket = ticket;
  }
  tally_.admitted += !guest.admitted;
  guest.admitted = true;
  client.Submitted(std::move(outbox), world_.options(), clock_.Now());
  return absl::OkStatus();
}

absl::Status Episode::RefusalOf(Outbox& outbox) const {
  if (!outbox.empty()) return absl::OkStatus();
  return outbox.Take().end.value_or(absl::OkStatus());
}

absl::Status Episode::JudgeRefusal(Guest& guest, const absl::Status& status) {
  guest.client->Refused();
  ++guest.refusals;
  if (absl::IsInvalidArgument(status)) {
    guest.refusals = kMostRefusals;
    return absl::OkStatus();
  }
  const Nanos least =
      world_.options().scheduler.retry_delay_ms * kNanosPerMilli;
  const std::string reason = ReasonOf(status).value_or("");
  const bool known =
      reason == kReasonDeadlineUnmeetable || reason == kReasonQueueFull;
  if (!known || !absl::IsResourceExhausted(status) ||
      !IsRetryDelay(RetryDelayOf(status), least)) {
    return Broken("refused without a cause: " + status.ToString());
  }
  parts_.situations.MetIf(reason == kReasonDeadlineUnmeetable,
                          Situation::kRefusedUnmeetable);
  return absl::OkStatus();
}

absl::Status Episode::KillSometimes() {
  if (!dice_.OneIn(120)) return absl::OkStatus();
  ++tally_.kills;
  parts_.situations.Met(Situation::kKilled);
  for (Guest& guest : guests_) {
    Client& client = *guest.client;
    if (!client.submitted()) continue;
    // Some of what was on its way still arrives.
    if (dice_.OneIn(2)) RETURN_IF_ERROR(client.Drain(clock_.Now()));
    if (client.ended()) continue;
    client.Lose();
    ++tally_.resumed_after_kill;
    parts_.situations.Met(Situation::kResumedAfterKill);
  }
  RemoveEnded();
  StartEngine();
  return absl::OkStatus();
}

absl::Status Episode::FenceSometimes() {
  if (guests_.empty() || !dice_.OneIn(25)) return absl::OkStatus();
  Guest& guest = guests_[dice_.Between(0, alive() - 1)];
  if (!guest.client->submitted() || guest.client->cancelled()) {
    return absl::OkStatus();
  }
  return dice_.OneIn(2) ? ResubmitSameAttempt(guest) : Supersede(guest);
}

absl::Status Episode::ResubmitSameAttempt(Guest& guest) {
  // Only while it is certainly in flight; a closed stream has left the fence.
  const std::string& id = guest.client->fields().request_id;
  bool in_flight = false;
  for (const auto& [ticket, live] : core_->scheduler().requests()) {
    in_flight = in_flight || live->request.id() == id;
  }
  if (!in_flight) return absl::OkStatus();
  auto request = Request::Create(guest.client->fields(), limits_);
  if (!request.ok()) return request.status();
  auto outbox = MakeOutbox(world_.options().outbox);
  core_->Submit({*std::move(request), outbox});
  const std::optional<absl::Status> end = EndOf(*outbox);
  if (!end.has_value() || !absl::IsAlreadyExists(*end)) {
    return Broken("an attempt of the same number was let in");
  }
  parts_.situations.Met(Situation::kStaleAttempt);
  return absl::OkStatus();
}

absl::Status Episode::Supersede(Guest& guest) {
  Client& client = *guest.client;
  const std::shared_ptr<Outbox> old = client.Abandon();
  parts_.situations.Met(Situation::kSuperseded);
  RETURN_IF_ERROR(SubmitOne(guest));
  const std::optional<absl::Status> end = EndOf(*old);
  if (!end.has_value()) return Broken("the older attempt goes on");
  return absl::OkStatus();
}

absl::Status Episode::Step() {
  fault_ = DrawFault(dice_);
  // Mostly the first: then all that runs in the step is spared or lost.
  fault_at_ = dice_.OneIn(2) ? 0 : dice_.Between(0, 1000);
  runner_->Prepare(std::max<Nanos>(1, world_.DrawStepTime(dice_)), fault_,
                   fault_at_);
  if (fault_ != Fault::kNone) {
    parts_.situations.MetIf(fault_ == Fault::kStep, Situation::kStepFailed);
    parts_.situations.MetIf(fault_ == Fault::kNotANumber,
                            Situation::kNotANumber);
    for (Guest& guest : guests_) guest.client->ExpectFault();
  }
  const SchedulerCounts before = core_->scheduler().counts();
  std::vector<std::string> full;
  for (const Guest& guest : guests_) {
    if (guest.client->full()) full.push_back(guest.client->fields().request_id);
  }
  const Nanos began = clock_.Now();
  waits_->BeforeStep(core_->scheduler());
  for (Guest& guest : guests_) guest.client->NoteStep(began);
  order_->BeforeStep(began);
  const bool ran = core_->Step();
  ++tally_.steps;
  tally_.requests_in_steps += before.queued_requests + before.running_requests;
  RETURN_IF_ERROR(CheckInvariants(core_->scheduler()));
  RETURN_IF_ERROR(JudgeWith(ran ? clock_.Now() - began : 0));
  RETURN_IF_ERROR(JudgeStep(ran, began, before));
  RETURN_IF_ERROR(waits_->AfterStep(core_->scheduler(), ran));
  tally_.longest_queue_steps =
      std::max(tally_.longest_queue_steps, waits_->longest_wait_steps());
  RETURN_IF_ERROR(JudgePauses(full));
  RETURN_IF_ERROR(JudgeReaders());
  CountSituations(before);
  if (!ran) AdvanceIdle();
  return absl::OkStatus();
}

void Episode::OnPlan(const StepPlan& plan) {
  const int32_t failing_row =
      fault_ == Fault::kStep
          ? OrderJudge::kAllFail
          : TenantHashRunner::FailingRow(plan, fault_, fault_at_);
  plan_judged_ = order_->OnPlan(plan, failing_row);
  if (plan_judged_.ok() && cache_ != nullptr) {
    plan_judged_ = cache_->OnPlan(plan, *order_);
  }
}

absl::Status Episode::JudgeWith(Nanos took) {
  // A plan without rows may have taken blocks from somebody.
  if (took == 0) OnPlan({});
  RETURN_IF_ERROR(plan_judged_);
  // Of a step that failed nobody learns how long steps take.
  RETURN_IF_ERROR(order_->AfterStep(fault_ == Fault::kStep ? 0 : took));
  for (Guest& guest : guests_) {
    const auto live = core_->scheduler().requests().find(guest.ticket);
    if (live != core_->scheduler().requests().end()) {
      guest.client->NoteLive(*live->second);
    }
  }
  RETURN_IF_ERROR(JudgeCounts(core_->scheduler()));
  if (cache_ == nullptr) return absl::OkStatus();
  return cache_->AfterStep(fault_ != Fault::kNone);
}

absl::Status Episode::JudgeReaders() const {
  for (const Guest& guest : guests_) {
    if (guest.client->submitted() && guest.client->overdue() &&
        core_->scheduler().requests().contains(guest.ticket)) {
      return Broken("a reader may be slow for longer than its time");
    }
  }
  return absl::OkStatus();
}

absl::Status Episode::JudgeStream(Guest& guest) {
  const auto& requests = core_->scheduler().requests();
  const std::optional<int32_t> told = guest.client->TakePosition();
  const auto live = requests.find(guest.ticket);
  if (live == requests.end()) return absl::OkStatus();
  if (told.has_value() && guest.client->reads_promptly()) {
    parts_.situations.Met(Situation::kPositionTold);
    if (*told != order_->PositionOf(guest.ticket)) {
      return Broken("another position was told than the request has");
    }
  }
  return guest.client->JudgeShown(*live->second);
}

absl::Status Episode::JudgeStep(bool ran, Nanos began,
                                const SchedulerCounts& before) {
  const Scheduler& scheduler = core_->scheduler();
  for (const auto& [ticket, live] : scheduler.requests()) {
    if (live->request.deadline() <= began) {
      return Broken("a request outlives its deadline");
    }
    if (!live->started && began - live->arrived_at >= QueueTimeout(*live)) {
      return Broken("a request outlives its queue timeout");
    }
    if (live->first_token_at == 0 &&
        began - live->arrived_at >= FirstTokenTimeout(*live)) {
      return Broken("a request outlives its first-token timeout");
    }
  }
  if (core_->NextWakeup() > NextEnd()) {
    return Broken("it would sleep beyond the end of a request");
  }
  const SchedulerCounts after = scheduler.counts();
  if (!ran && !core_->idle() && after.paused_requests == 0) {
    if (!GathersRightly(began)) {
      return Broken("nothing runs although requests wait");
    }
    parts_.situations.Met(Situation::kBatchGathered);
  }
  if (ran && clock_.Now() == began) return Broken("a step without the runner");
  return absl::OkStatus();
}

// Nothing ever ran of those that wait, they are few and all are new.
bool Episode::GathersRightly(Nanos began) const {
  const SchedulerOptions& options = world_.options().scheduler;
  const Nanos timeout = options.batch_timeout_ms * kNanosPerMilli;
  size_t sequences = 0;
  for (const auto& [ticket, live] : core_->scheduler().requests()) {
    if (live->started || began - live->arrived_at >= timeout) return false;
    for (const Sequence& sequence : live->sequences) {
      sequences += sequence.state != Sequence::State::kEnded;
    }
  }
  return sequences < static_cast<size_t>(options.min_batch_size);
}

// The first moment at which a request ends if nothing happens.
Nanos Episode::NextEnd() const {
  Nanos next = kNoDeadline;
  const auto consider = [&next](Nanos from, Nanos timeout) {
    if (timeout != kNoDeadline) next = std::min(next, from + timeout);
  };
  for (const auto& [ticket, live] : core_->scheduler().requests()) {
    next = std::min(next, live->request.deadline());
    if (!live->started) consider(live->arrived_at, QueueTimeout(*live));
    if (live->first_token_at == 0) {
      consider(live->arrived_at, FirstTokenTimeout(*live));
    }
  }
  const Nanos patience =
      world_.options().slow_reader_timeout_ms * kNanosPerMilli;
  for (const Guest& guest : guests_) {
    if (!core_->scheduler().requests().contains(guest.ticket)) continue;
    const Nanos since = guest.client->full_since();
    if (since != 0) consider(since, patience);
  }
  return next;
}

Nanos Episode::QueueTimeout(const LiveRequest& live) const {
  return TighterTimeout(live.request.queue_timeout_ms(),
                        world_.options().scheduler.queue_timeout_ms);
}

Nanos Episode::FirstTokenTimeout(const LiveRequest& live) const {
  return TighterTimeout(live.request.first_token_timeout_ms(),
                        world_.options().scheduler.first_token_timeout_ms);
}

absl::Status Episode::JudgePauses(const std::vector<std::string>& full) const {
  for (const auto& [ticket, live] : core_->scheduler().requests()) {
    const bool was_full =
        std::find(full.begin(), full.end(), live->request.id()) != full.end();
    if (live->paused != was_full) {
      return Broken("a pause does not follow its outbox");
    }
  }
  return absl::OkStatus();
}

void Episode::CountSituations(const SchedulerCounts& before) {
  Situations& situations = parts_.situations;
  const Scheduler& scheduler = core_->scheduler();
  const SchedulerCounts now = scheduler.counts();
  const int64_t lost = now.preemptions - before.preemptions;
  situations.Met(Situation::kPreempted, lost);
  situations.Met(Situation::kPrefixHit, now.prefix.hits - before.prefix.hits);
  situations.Met(Situation::kPrefixEvicted,
                 now.prefix.evictions - before.prefix.evictions);
  situations.Met(Situation::kPrefixAwaited,
                 now.prefix.awaited - before.prefix.awaited);
  situations.Met(Situation::kPrefixBypassed,
                 now.prefix.bypassed - before.prefix.bypassed);
  const int64_t cached = now.prefix.cached_tokens - before.prefix.cached_tokens;
  situations.MetIf(cached % scheduler.pool().block_size() != 0,
                   Situation::kPrefixWithinABlock);
  situations.MetIf(now.paused_requests > 0, Situation::kPaused);
  situations.MetIf(scheduler.pool().available() == 0,
                   Situation::kBlocksExhausted);
  for (const Sequence* sequence : scheduler.waiting()) {
    situations.MetIf(sequence->request->paused && sequence->preemptions > 0,
                     Situation::kPausedLostBlocks);
  }
  for (const Guest& guest : guests_) {
    situations.MetIf(guest.client->full() && order_->HasRejected(guest.ticket),
                     Situation::kPausedAfterDraft);
  }
  CountPublicBlocks();
  int32_t held = 0;
  bool prefills = false, decodes = false;
  for (const Sequence* sequence : scheduler.running()) {
    const LiveRequest& request = *sequence->request;
    held += sequence->blocks.size();
    situations.MetIf(sequence->pinned && sequence->preemptions > 0,
                     Situation::kPreemptedToTheCap);
    const bool in_prompt = sequence->computed < request.request.prompt_tokens();
    situations.MetIf(in_prompt && sequence->computed > 0,
                     Situation::kPromptInManyChunks);
    situations.MetIf(in_prompt && sequence->preemptions > 0,
                     Situation::kPreemptedInPrefill);
    prefills = prefills || in_prompt;
    decodes = decodes || !in_prompt;
  }
  situations.MetIf(prefills && decodes, Situation::kPrefillBesideDecode);
  situations.MetIf(held > scheduler.block_counts().active,
                   Situation::kBlockShared);
  situations.MetIf(guests_.empty(), Situation::kIdle);
}

void Episode::CountPublicBlocks() {
  const Scheduler& scheduler = core_->scheduler();
  parts_.situations.MetIf(scheduler.block_counts().warm > 0,
                          Situation::kPublicWarm);
  std::vector<const std::string*> holders(scheduler.block_counts().total);
  for (const Sequence* sequence : scheduler.running()) {
    const Request& request = sequence->request->request;
    const int32_t public_blocks =
        request.public_prefix_tokens() / scheduler.pool().block_size();
    for (int32_t i = 0; i < std::min(public_blocks, sequence->blocks.size());
         ++i) {
      const std::string*& holder = holders[sequence->blocks.id(i)];
      parts_.situations.MetIf(holder != nullptr && *holder != request.tenant(),
                              Situation::kPublicShared);
      holder = &request.tenant();
    }
  }
}

absl::Status Episode::LetClientsAct() {
  const Nanos now = clock_.Now();
  for (Guest& guest : guests_) {
    Client& client = *guest.client;
    if (!client.submitted()) continue;
    const bool was_cancelled = client.cancelled();
    RETURN_IF_ERROR(client.Act(dice_, now));
    CancelInDraft(guest);
    if (client.ended()) continue;
    if (was_cancelled) return Broken("a cancel took longer than a step");
    RETURN_IF_ERROR(JudgeStream(guest));
    RETURN_IF_ERROR(JudgeSilence(guest));
  }
  return absl::OkStatus();
}

// With guesses in its blocks that nobody has written over.
void Episode::CancelInDraft(Guest& guest) {
  Client& client = *guest.client;
  if (client.ended() || client.cancelled() ||
      !order_->HasRejected(guest.ticket) || !dice_.OneIn(50)) {
    return;
  }
  client.Cancel();
  parts_.situations.Met(Situation::kCancelledAfterDraft);
}

absl::Status Episode::JudgeSilence(const Guest& guest) const {
  const Client& client = *guest.client;
  // Who cancels does not listen any more.
  if (!client.reads_promptly() || client.cancelled()) return absl::OkStatus();
  const Nanos limit = world_.options().alive_interval_ms * kNanosPerMilli +
                      2 * world_.longest_step() + kNanosPerMilli;
  if (clock_.Now() - client.heard_at() <= limit) return absl::OkStatus();
  return Broken(absl::StrCat("no sign of life for ",
                             (clock_.Now() - client.heard_at()) / 1000,
                             " us, limit ", limit / 1000, " us"));
}

void Episode::RemoveEnded() {
  for (Guest& guest : guests_) {
    Client& client = *guest.client;
    // Who was let in once must end; its Gateway tries on.
    const bool gives_up = !guest.admitted && guest.refusals >= kMostRefusals;
    if (!client.ended() && !gives_up) continue;
    tally_.generated_tokens +=
        client.ids_delivered() - client.ids_before_first_attempt();
    tally_.longest_wait_ms =
        std::max(tally_.longest_wait_ms,
                 (clock_.Now() - guest.arrived_at) / kNanosPerMilli);
    if (!client.ended()) {
      ++tally_.refused;
    } else {
      ++(client.end().ok() ? tally_.finished : tally_.failed);
    }
    guest.client = nullptr;
  }
  std::erase_if(guests_, [](const Guest& g) { return g.client == nullptr; });
}

// To what the engine asks for, or to some moment before it.
void Episode::AdvanceIdle() {
  const Nanos now = clock_.Now();
  const Nanos longest = 50 * kNanosPerMilli;
  const Nanos rest = std::clamp<Nanos>(core_->NextWakeup() - now, 1, longest);
  clock_.Advance(dice_.OneIn(2) ? rest : (rest + 1) / 2);
}

}  // namespace sluice::generator
