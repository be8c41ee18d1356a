#pragma once

// Gives sequences their blocks: from a sibling, from the prefix cache, or fresh
// ones, and offers what they computed to those that come later.

#include <cstdint>
#include <vector>

#include "services/generator/kv_cache/block_pool.h"
#include "services/generator/kv_cache/prefix_cache.h"
#include "services/generator/runner/step_plan.h"
#include "services/generator/scheduler/scheduler_options.h"
#include "services/generator/scheduler/sequence.h"

namespace sluice::generator {

// What the prefix cache did for requests that started, since the start.
struct PrefixCounts {
  int64_t hits = 0;    // requests that found a part of their prompt
  int64_t misses = 0;  // that found nothing
  int64_t bypassed = 0;
  int64_t awaited = 0;        // sequences that waited for another's prefill
  int64_t cached_tokens = 0;  // of their prompts
  int64_t evictions = 0;      // blocks
};

// Owns the pool and must outlive all sequences. Threads: engine thread only.
class KvAllocator {
 public:
  KvAllocator(const SchedulerOptions& options, const SchedulerModel& model);

  // The sequence may use the prefix cache, unless its request bypasses it.
  void Enter(Sequence& sequence) const;

  // Tokens of the prompt that the prefix cache has now.
  int32_t CountCached(const Request& request) const;

  // Gives a waiting sequence the blocks of its ids, or of all it can ever need
  // once it was preempted max_preemptions times, and sets what of them is
  // computed. Copies that the next step has to make are appended. False, with
  // nothing taken, when the pool would have fewer than `margin` blocks left.
  [[nodiscard]] bool Take(Sequence& sequence, int32_t margin,
                          std::vector<BlockCopy>& copies);

  // Offers what is computed and was not offered yet to the prefix cache.
  void Publish(Sequence& sequence);
  // The same with the last block, part-filled as it is. REQUIRES: nothing more
  // is written to it.
  void PublishRest(Sequence& sequence);
  // A running sequence prefills what this waiting one would then find: to wait
  // is cheaper than to compute it twice. It gets no rows before the prefill of
  // those that run anyway.
  bool SoonCached(Sequence& sequence, absl::Span<Sequence* const> running);
  // Nobody shall find what the sequence computed.
  void Withdraw(Sequence& sequence) { cache_.Withdraw(sequence.blocks); }

  // Gives up the warm blocks, for one that cannot run beside them. False when
  // there are none.
  bool CoolAll() { return cache_.CoolAll(); }

  BlockPool& pool() { return pool_; }
  const BlockPool& pool() const { return pool_; }
  PrefixCounts counts() const;

 private:
  bool WillPublish(Sequence& runs, Sequence& waits) const;
  int32_t TokensOf(const PrefixMatch& match) const;
  PrefixMatch FindPrefix(Sequence& sequence) const;
  void CountPrefix(LiveRequest& request, int32_t cached);

  const int32_t max_preemptions_;
  const bool prefix_cache_;
  BlockPool pool_;
  PrefixCache cache_;
  PrefixCounts counts_;
};

}  // namespace sluice::generator
