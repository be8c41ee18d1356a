#include "tests/simulation/cache_judge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/generator/scheduler/hash_runner.h"
#include "tests/simulation/tenant_hash_runner.h"

namespace sluice::generator {
namespace {

template <typename... Parts>
absl::Status Broken(const Parts&... parts) {
  return absl::InternalError(absl::StrCat("cache: ", parts...));
}

}  // namespace

CacheJudge::CacheJudge(const Scheduler& scheduler, Situations& situations)
    : scheduler_(scheduler),
      situations_(situations),
      blocks_(scheduler.block_counts().total) {}

bool CacheJudge::Uses(const Sequence& sequence) const {
  return scheduler_.options().prefix_cache &&
         !sequence.request->request.bypass_prefix_cache();
}

absl::Status CacheJudge::OnPlan(const StepPlan& plan, const OrderJudge& order) {
  RETURN_IF_ERROR(JudgeEvictions(plan, order));
  for (const Sequence* sequence : order.admitted()) {
    RETURN_IF_ERROR(JudgeFound(*sequence));
  }
  Look();
  for (const BlockCopy& copy : plan.copies) {
    // To be copied is to be used.
    Block& from = blocks_[copy.from_block];
    from.since = looks_;
    from.owner = nullptr;
  }
  FindOwners();
  NoteOffers(plan, order);
  return absl::OkStatus();
}

// Of blocks that nobody holds: the one that was let go first goes first; of one
// table, its end before its beginning.
bool CacheJudge::GoesBefore(const Block& a, const Block& b) const {
  if (a.since != b.since) return a.since < b.since;
  return a.owner != nullptr && a.owner == b.owner && a.index > b.index;
}

absl::Status CacheJudge::JudgeEvictions(const StepPlan& plan,
                                        const OrderJudge& order) {
  const BlockPool& pool = scheduler_.pool();
  std::vector<bool> copied(blocks_.size(), false);
  for (const BlockCopy& copy : plan.copies) copied[copy.from_block] = true;
  std::vector<Block> gone, stays;
  size_t evicted_copied = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const int32_t id = static_cast<int32_t>(i);
    Block block = blocks_[i];
    if (block.kept && !pool.kept(id)) {
      if (!block.cached) block.since = looks_ + 1;
      // Copied for the block that took its place, it was the last one.
      evicted_copied += copied[i];
      if (!copied[i]) gone.push_back(block);
    } else if (block.cached && pool.references(id) == 0 && !pool.warm(id) &&
               !copied[i]) {
      stays.push_back(block);
    }
  }
  // A part-filled block also goes when a longer one of equal contents comes,
  // and then nothing tells the two apart.
  const int64_t evictions = scheduler_.counts().prefix.evictions;
  const int64_t evicted_now = evictions - evictions_;
  evictions_ = evictions;
  if (evicted_now != static_cast<int64_t>(gone.size() + evicted_copied)) {
    return absl::OkStatus();
  }
  if (!gone.empty() && order.victims().empty() && pool.counts().free > 0) {
    return Broken("a block was evicted although others were free");
  }
  for (const Block& evicted : gone) {
    for (const Block& other : stays) {
      if (GoesBefore(other, evicted)) {
        return Broken("a block was evicted before one that was let go first");
      }
      situations_.MetIf(GoesBefore(evicted, other), Situation::kEvictionChose);
    }
  }
  return absl::OkStatus();
}

// What of its ids is kept now was kept when it got its blocks.
absl::Status CacheJudge::JudgeFound(const Sequence& sequence) {
  const Request& request = sequence.request->request;
  const bool forks = request.n() > 1;
  if (!Uses(sequence)) {
    if (sequence.computed == 0 || forks) return absl::OkStatus();
    return Broken("a request that bypasses the cache took from it");
  }
  const BlockPool& pool = scheduler_.pool();
  const int32_t size = pool.block_size();
  const int32_t limit = static_cast<int32_t>(sequence.ids.size()) - 1;
  int32_t due = 0;
  for (int32_t n = 1; n * size <= limit + 1; ++n) {
    const auto found = found_by_.find(ContentOf(sequence, sequence.ids, n));
    if (found == found_by_.end() || !pool.kept(found->second)) break;
    due = std::min(n * size, limit);
  }
  if (sequence.computed >= due) return absl::OkStatus();
  return Broken("found ", sequence.computed, " tokens in the cache of ", due,
                " that are there");
}

uint64_t CacheJudge::ContentOf(const Sequence& sequence,
                               absl::Span<const int32_t> ids, int32_t blocks) {
  std::vector<uint64_t>& contents =
      contents_[{sequence.request->ticket, sequence.index}];
  const Request& request = sequence.request->request;
  const uint64_t tenant = HashOfTenant(request.tenant());
  const size_t size = static_cast<size_t>(scheduler_.pool().block_size());
  const size_t public_blocks = request.public_prefix_tokens() / size;
  if (contents.empty()) contents.push_back(public_blocks > 0 ? 1 : tenant);
  while (contents.size() <= static_cast<size_t>(blocks)) {
    uint64_t content = contents.back();
    const size_t first = (contents.size() - 1) * size;
    // What lies behind a public prefix is the tenant's again.
    if (public_blocks > 0 && contents.size() == public_blocks + 1) {
      content = HashChain(content, tenant);
    }
    for (size_t i = first; i < first + size; ++i) {
      content = HashChain(content, HashSlot(ids[i], i));
    }
    contents.push_back(content);
  }
  return contents[blocks];
}

void CacheJudge::Look() {
  ++looks_;
  const BlockPool& pool = scheduler_.pool();
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const int32_t id = static_cast<int32_t>(i);
    Block& block = blocks_[i];
    block.kept = pool.kept(id);
    const bool cached =
        block.kept && pool.references(id) == 0 && !pool.warm(id);
    if (cached && !block.cached) block.since = looks_;
    block.cached = cached;
    if (block.kept || block.content == 0) continue;
    const auto found = found_by_.find(block.content);
    if (found != found_by_.end() && found->second == id) found_by_.erase(found);
    block.content = 0;
    block.is_public = false;
  }
}

void CacheJudge::FindOwners() {
  const BlockPool& pool = scheduler_.pool();
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (!blocks_[i].cached) blocks_[i].owner = nullptr;
  }
  for (const Sequence* sequence : scheduler_.running()) {
    for (int32_t at = 0; at < sequence->blocks.size(); ++at) {
      const int32_t id = sequence->blocks.id(at);
      if (pool.references(id) != 1) continue;
      blocks_[id].owner = sequence;
      blocks_[id].index = at;
    }
  }
}

void CacheJudge::NoteOffers(const StepPlan& plan, const OrderJudge& order) {
  offers_.clear();
  const int32_t size = scheduler_.pool().block_size();
  for (const SequenceRows& rows : plan.sequences) {
    const Block& written =
        blocks_[rows.block_table[rows.first_position / size]];
    if (written.owner == nullptr || !Uses(*written.owner)) continue;
    // What follows a wrong guess must never be found.
    std::vector<int32_t> ids = written.owner->ids;
    ids.insert(ids.end(), rows.token_ids.end() - rows.draft_rows,
               rows.token_ids.end());
    const int32_t end = (rows.first_position + order.ValidRows(rows)) / size;
    for (int32_t at = rows.first_position / size; at < end; ++at) {
      const Request& request = written.owner->request->request;
      offers_.push_back({rows.block_table[at],
                         (at + 1) * size <= request.public_prefix_tokens(),
                         ContentOf(*written.owner, ids, at + 1)});
    }
  }
}

absl::Status CacheJudge::JudgeOffers(bool failed) {
  for (const Offer& offer : offers_) {
    Block& block = blocks_[offer.block];
    if (block.kept) {
      block.content = offer.content;
      block.is_public = offer.is_public;
      const auto [entry, is_new] =
          found_by_.emplace(offer.content, offer.block);
      if (!is_new) return Broken("two blocks of equal contents are kept");
    } else if (!failed && !found_by_.contains(offer.content)) {
      return Broken("a whole block was computed and not kept");
    }
  }
  offers_.clear();
  return absl::OkStatus();
}

// Only blocks of public prefixes, and no more than the operator grants.
absl::Status CacheJudge::JudgeWarm() const {
  const BlockPool& pool = scheduler_.pool();
  const int32_t total = static_cast<int32_t>(blocks_.size());
  int32_t warm = 0;
  for (int32_t id = 0; id < total; ++id) {
    if (!pool.warm(id)) continue;
    ++warm;
    if (!blocks_[id].is_public || !blocks_[id].kept) {
      return Broken("a block is warm that is not public");
    }
  }
  if (warm <= std::min(scheduler_.options().max_warm_blocks, total / 4)) {
    return absl::OkStatus();
  }
  return Broken(warm, " blocks are warm");
}

absl::Status CacheJudge::AfterStep(bool failed) {
  Look();
  RETURN_IF_ERROR(JudgeOffers(failed));
  RETURN_IF_ERROR(JudgeWarm());
  FindOwners();
  for (const Sequence* sequence : scheduler_.running()) {
    if (Uses(*sequence)) continue;
    for (int32_t at = 0; at < sequence->blocks.size(); ++at) {
      if (blocks_[sequence->blocks.id(at)].kept) {
        return Broken("a request that bypasses the cache left a block in it");
      }
    }
  }
  std::erase_if(contents_, [this](const auto& entry) {
    return !scheduler_.requests().contains(entry.first.first);
  });
  return absl::OkStatus();
}

}  // namespace sluice::generator
