#include "services/generator/scheduler/kv_allocator.h"

#include <algorithm>

#include "common/base/check.h"
#include "services/generator/scheduler/scheduling_order.h"

namespace sluice::generator {
namespace {

ChainSalt SaltOf(const Request& request) {
  return {request.tenant(), request.public_prefix_tokens()};
}

}  // namespace

KvAllocator::KvAllocator(const SchedulerOptions& options,
                         const SchedulerModel& model)
    : max_preemptions_(options.max_preemptions),
      prefix_cache_(options.prefix_cache),
      pool_(model.block_count, model.block_size),
      cache_(pool_, model.fingerprint,
             std::min(options.max_warm_blocks, model.block_count / 4)) {}

void KvAllocator::Enter(Sequence& sequence) const {
  const Request& request = sequence.request->request;
  if (!prefix_cache_ || request.bypass_prefix_cache()) return;
  sequence.chain = cache_.StartChain(SaltOf(request));
}

int32_t KvAllocator::CountCached(const Request& request) const {
  if (!prefix_cache_ || request.bypass_prefix_cache()) return 0;
  PrefixChain chain = cache_.StartChain(SaltOf(request));
  return TokensOf(
      cache_.Find(chain, request.prompt(), request.prompt_tokens() - 1));
}

bool KvAllocator::Take(Sequence& sequence, int32_t margin,
                       std::vector<BlockCopy>& copies) {
  const bool pin = sequence.preemptions >= max_preemptions_;
  const int64_t positions = pin ? sequence.request->request.max_positions()
                                : static_cast<int64_t>(sequence.ids.size());
  const PrefixMatch match = FindPrefix(sequence);
  const int32_t cached = TokensOf(match);
  const Sequence* source = ForkSource(sequence);
  const int32_t prompt = sequence.request->request.prompt_tokens();
  if (cached >= prompt - 1) source = nullptr;  // the cache has no less
  const int32_t shared = source == nullptr ? cached : prompt - 1;
  int32_t fresh = pool_.BlocksFor(positions) - shared / pool_.block_size();
  if (source == nullptr) fresh += cache_.CountCached(match);
  if (fresh + margin > pool_.available()) return false;
  if (source != nullptr) {
    SLUICE_CHECK(sequence.blocks.ForkFrom(source->blocks, shared, copies),
                 "available blocks can be taken");
  } else {
    sequence.blocks.StartWith(match, copies);
    if (sequence.chain.has_value()) cache_.Touch(*sequence.chain, match);
    CountPrefix(*sequence.request, cached);
  }
  sequence.computed = shared;
  sequence.published = shared / pool_.block_size();
  SLUICE_CHECK(sequence.blocks.Grow(positions),
               "available blocks can be taken");
  sequence.pinned = pin;
  return true;
}

int32_t KvAllocator::TokensOf(const PrefixMatch& match) const {
  return static_cast<int32_t>(match.blocks.size()) * pool_.block_size() +
         match.part_positions;
}

PrefixMatch KvAllocator::FindPrefix(Sequence& sequence) const {
  if (!sequence.chain.has_value()) return {};
  // The last token always runs: its logits are wanted.
  return cache_.Find(*sequence.chain, sequence.ids, sequence.remaining() - 1);
}

void KvAllocator::CountPrefix(LiveRequest& request, int32_t cached) {
  if (request.started || !prefix_cache_) return;
  request.cached_tokens = std::min(cached, request.request.prompt_tokens());
  counts_.cached_tokens += request.cached_tokens;
  const bool bypasses = request.request.bypass_prefix_cache();
  ++(bypasses ? counts_.bypassed : cached > 0 ? counts_.hits : counts_.misses);
}

void KvAllocator::Publish(Sequence& sequence) {
  if (!sequence.chain.has_value()) return;
  const int32_t whole = sequence.computed / pool_.block_size();
  cache_.Publish(*sequence.chain, sequence.ids, sequence.blocks,
                 sequence.published, whole);
  sequence.published = whole;
}

void KvAllocator::PublishRest(Sequence& sequence) {
  if (!sequence.chain.has_value()) return;
  cache_.PublishRest(*sequence.chain, sequence.ids, sequence.blocks,
                     sequence.computed);
}

bool KvAllocator::SoonCached(Sequence& sequence,
                             absl::Span<Sequence* const> running) {
  if (!sequence.chain.has_value()) return false;
  const bool soon =
      std::any_of(running.begin(), running.end(),
                  [&](Sequence* runs) { return WillPublish(*runs, sequence); });
  if (soon && !sequence.awaited_prefix) ++counts_.awaited;
  sequence.awaited_prefix |= soon;
  return soon;
}

bool KvAllocator::WillPublish(Sequence& runs, Sequence& waits) const {
  if (!runs.chain.has_value() || runs.state != Sequence::State::kRunning ||
      runs.request->paused || runs.remaining() <= 1) {
    return false;
  }
  const size_t size = static_cast<size_t>(pool_.block_size());
  const size_t first = runs.published * size;
  // The last token of the waiting one always runs.
  if (first + size > runs.ids.size() || first + size >= waits.ids.size() ||
      !std::equal(runs.ids.begin() + first, runs.ids.begin() + first + size,
                  waits.ids.begin() + first)) {
    return false;
  }
  return runs.chain->Before(runs.published, runs.ids) ==
         waits.chain->Before(runs.published, waits.ids);
}

PrefixCounts KvAllocator::counts() const {
  PrefixCounts counts = counts_;
  counts.evictions = cache_.evictions();
  return counts;
}

}  // namespace sluice::generator
