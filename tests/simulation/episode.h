#pragma once

// One simulated life of a service: engines, clients, time and misfortune, all
// from one seed and in one thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/generator/engine/engine_core.h"
#include "services/generator/engine/generator_metrics.h"
#include "services/generator/engine/load_board.h"
#include "tests/simulation/cache_judge.h"
#include "tests/simulation/client.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/order_judge.h"
#include "tests/simulation/planted_drafts.h"
#include "tests/simulation/situations.h"
#include "tests/simulation/tenant_hash_runner.h"
#include "tests/simulation/waits.h"
#include "tests/simulation/world.h"

namespace sluice::generator {

// What an episode did.
struct EpisodeTally {
  int64_t requests = 0;
  int64_t admitted = 0;
  int64_t refused = 0;
  int64_t finished = 0;
  int64_t failed = 0;  // admitted, and ended with an error that had a cause
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;  // delivered
  int64_t steps = 0;
  int64_t requests_in_steps = 0;  // sum over steps of those alive
  int64_t kills = 0;
  int64_t resumed_after_kill = 0;
  int64_t longest_wait_ms = 0;      // from submission to end, of the clock
  int64_t longest_queue_steps = 0;  // until the first step
};

// What all episodes share. Threads: one at a time.
struct EpisodeParts {
  const Vocabulary& vocabulary;
  GeneratorMetrics& metrics;
  Situations& situations;
};

// Threads: one at a time.
class Episode {
 public:
  Episode(uint64_t seed, int32_t requests, const EpisodeParts& parts);

  // Errors: INTERNAL: the engine broke a promise.
  absl::Status Run();
  const EpisodeTally& tally() const { return tally_; }

 private:
  struct Guest {
    std::unique_ptr<Client> client;
    bool admitted = false;  // by any engine
    int32_t refusals = 0;
    Nanos arrived_at = 0;
    Ticket ticket = 0;  // of its attempt; 0: none
  };

  using Fault = TenantHashRunner::Fault;

  void StartEngine();
  const ExpectedSequence* ExpectationOf(const Sequence& sequence) const;
  absl::Status Arrive();
  absl::Status Turn();
  absl::Status AddGuest();
  absl::Status SubmitWaiting();
  absl::Status SubmitOne(Guest& guest);
  absl::Status JudgeRefusal(Guest& guest, const absl::Status& status);
  // The end with which a request was refused; OK: it was let in.
  absl::Status RefusalOf(Outbox& outbox) const;
  void OnPlan(const StepPlan& plan);
  absl::Status JudgeWith(Nanos took);
  absl::Status JudgeReaders() const;
  absl::Status JudgeStream(Guest& guest);
  absl::Status KillSometimes();
  absl::Status FenceSometimes();
  absl::Status ResubmitSameAttempt(Guest& guest);
  absl::Status Supersede(Guest& guest);
  absl::Status Step();
  absl::Status JudgeStep(bool ran, Nanos began, const SchedulerCounts& before);
  bool GathersRightly(Nanos began) const;
  Nanos NextEnd() const;
  Nanos QueueTimeout(const LiveRequest& live) const;
  Nanos FirstTokenTimeout(const LiveRequest& live) const;
  absl::Status JudgePauses(const std::vector<std::string>& full) const;
  absl::Status LetClientsAct();
  void CancelInDraft(Guest& guest);
  absl::Status JudgeSilence(const Guest& guest) const;
  void CountPublicBlocks();
  void CountSituations(const SchedulerCounts& before);
  void RemoveEnded();
  void AdvanceIdle();
  int32_t alive() const { return static_cast<int32_t>(guests_.size()); }

  EpisodeParts parts_;
  Dice dice_;
  const World world_;
  Oracle oracle_;
  const RequestLimits limits_;
  const int32_t requests_;
  FakeClock clock_;
  LoadBoard board_;
  // The engine is lent the runner and goes first.
  std::unique_ptr<TenantHashRunner> runner_;
  std::unique_ptr<PlantedDrafts> drafts_;  // null: prompt lookup
  std::unique_ptr<EngineCore> core_;
  std::optional<WaitJudge> waits_;  // of this engine
  // Replaced with the engine that they watch.
  std::unique_ptr<OrderJudge> order_;
  std::unique_ptr<CacheJudge> cache_;  // null: not in this episode
  const bool judges_cache_;
  Fault fault_ = Fault::kNone;  // of the step
  int32_t fault_at_ = 0;
  absl::Status plan_judged_;
  std::vector<Guest> guests_;
  EpisodeTally tally_;
  int64_t turns_left_ = 0;
};

}  // namespace sluice::generator
