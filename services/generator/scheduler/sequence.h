#pragma once

// The scheduler's own record of requests and their sequences.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "services/generator/constraint/stop_checker.h"
#include "services/generator/kv_cache/block_table.h"
#include "services/generator/kv_cache/prefix_cache.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/sampler/seen_tokens.h"
#include "services/generator/scheduler/accept_rate.h"
#include "services/generator/scheduler/prompt_lookup.h"
#include "services/generator/scheduler/request.h"
#include "services/generator/scheduler/tenant_ledger.h"
#include "services/generator/scheduler/token_event.h"

namespace sluice::generator {

struct LiveRequest;

// One stream of tokens. Threads: engine thread only.
struct Sequence {
  enum class State { kWaiting, kRunning, kEnded };

  Sequence(LiveRequest& request, int32_t index, BlockPool& pool,
           const Vocabulary& vocabulary, int32_t vocabulary_size);

  // Tokens whose rows have not run.
  int32_t remaining() const {
    return static_cast<int32_t>(ids.size()) - computed;
  }
  // Takes an id that was delivered before, or was sampled now.
  void Append(int32_t id);
  // Its tenant pays for ids that were not charged and are not in the cache.
  void Charge(int32_t cached);

  LiveRequest* request;
  int32_t index;
  State state = State::kWaiting;
  std::vector<int32_t> ids;  // prompt, then output
  int32_t computed = 0;      // leading ids whose keys and values are cached
  BlockTable blocks;
  // Absent: it takes nothing from the prefix cache and leaves nothing there.
  std::optional<PrefixChain> chain;
  int32_t charged = 0;    // leading ids that its tenant was charged for
  int32_t published = 0;  // leading blocks that the prefix cache was offered
  StopChecker stops;
  // Null without a repetition penalty, which alone reads it.
  std::unique_ptr<SeenTokens> seen;
  std::optional<SequenceEnd> end;
  int32_t preemptions = 0;
  int32_t lost = 0;  // computed when it was preempted, until it runs again
  // Holds all blocks it can ever need and is never preempted.
  bool pinned = false;
  bool awaited_prefix = false;  // of another sequence, while it waited
  Nanos last_token_at = 0;      // 0: none yet
  // Guesses of the ids that follow, which the planned step verifies.
  std::vector<int32_t> drafts;
  AcceptRate draft_rate{0.9};
  int64_t drafted_at_step = 0;  // the last time that it had some
  PromptLookup lookup;
};

// Threads: engine thread only.
struct LiveRequest {
  // The account is that of the request's tenant and outlives it.
  LiveRequest(Ticket ticket, Request request, TenantLedger::Account& account,
              Nanos arrived_at)
      : ticket(ticket),
        request(std::move(request)),
        account(&account),
        aged_class(static_cast<int32_t>(this->request.priority())),
        arrived_at(arrived_at) {}

  // The next moment at which it ends if nothing happens.
  Nanos ends_by() const;
  Phase phase() const;
  bool all_ended() const;

  Ticket ticket;
  Request request;
  TenantLedger::Account* account;
  int32_t aged_class;              // its priority, less the longer it is here
  std::deque<Sequence> sequences;  // stable addresses
  bool paused = false;
  bool started = false;
  int32_t cached_tokens = 0;    // of the prompt, found when it started
  int64_t computed_tokens = 0;  // rows run for it, recomputed ones included
  Nanos arrived_at;
  Nanos start_by = kNoDeadline;        // or it ends: QUEUE_TIMEOUT
  Nanos first_token_by = kNoDeadline;  // or it ends: FIRST_TOKEN_TIMEOUT
  Nanos started_at = 0;
  Nanos first_token_at = 0;  // 0: none yet
  Nanos last_token_at = 0;
};

}  // namespace sluice::generator
