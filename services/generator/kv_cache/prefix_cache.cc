#include "services/generator/kv_cache/prefix_cache.h"

#include <algorithm>
#include <iterator>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

// A change of what is hashed changes this.
constexpr std::string_view kDomain = "sluice prefix 1";
constexpr std::string_view kPublicDomain = "sluice public prefix 1";

std::string_view BytesOf(absl::Span<const int32_t> ids) {
  return {reinterpret_cast<const char*>(ids.data()),
          ids.size() * sizeof(int32_t)};
}

std::string_view BytesOf(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// With its length before it, so that no two lists of strings hash alike.
void UpdateWithLength(Sha256& sha, std::string_view bytes) {
  const uint64_t size = bytes.size();
  sha.Update({reinterpret_cast<const char*>(&size), sizeof(size)});
  sha.Update(bytes);
}

int32_t CommonLength(const std::vector<int32_t>& a,
                     const std::vector<int32_t>& b) {
  const auto [in_a, in_b] =
      std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<int32_t>(in_a - a.begin());
}

}  // namespace

const Sha256Digest& PrefixChain::Before(int32_t index,
                                        absl::Span<const int32_t> ids) {
  Sha256 sha;
  while (digests_.size() <= static_cast<size_t>(index)) {
    const size_t first = (digests_.size() - 1) * block_size_;
    SLUICE_CHECK(first + block_size_ <= ids.size(), "only whole blocks hash");
    sha.Update(BytesOf(digests_.back()));
    sha.Update(BytesOf(ids.subspan(first, block_size_)));
    digests_.push_back(sha.Finish());
    if (digests_.size() != static_cast<size_t>(roots_.public_blocks) + 1) {
      continue;
    }
    sha.Update(BytesOf(roots_.tenant));
    sha.Update(BytesOf(digests_.back()));
    digests_.back() = sha.Finish();
  }
  return digests_[index];
}

PrefixCache::PrefixCache(BlockPool& pool, std::string fingerprint,
                         int32_t max_warm_blocks)
    : pool_(pool),
      fingerprint_(std::move(fingerprint)),
      max_warm_blocks_(max_warm_blocks) {
  by_block_.assign(pool.counts().total, entries_.end());
  warm_at_.assign(pool.counts().total, warm_.end());
  pool_.SetEvictionListener([this](int32_t block) {
    Erase(block);
    ++evictions_;
  });
}

PrefixCache::~PrefixCache() {
  for (const auto& [key, block] : entries_) pool_.Forget(block);
  pool_.SetEvictionListener(nullptr);
}

PrefixChain PrefixCache::StartChain(const ChainSalt& salt) const {
  const auto root = [this](std::string_view domain, std::string_view tenant) {
    Sha256 sha;
    UpdateWithLength(sha, domain);
    UpdateWithLength(sha, tenant);
    UpdateWithLength(sha, fingerprint_);
    return sha.Finish();
  };
  PrefixChain::Roots roots;
  roots.tenant = root(kDomain, salt.tenant);
  roots.public_blocks = salt.public_tokens / pool_.block_size();
  if (roots.public_blocks > 0) roots.public_root = root(kPublicDomain, "");
  return PrefixChain(roots, pool_.block_size());
}

PrefixMatch PrefixCache::Find(PrefixChain& chain, absl::Span<const int32_t> ids,
                              int32_t limit) const {
  PrefixMatch match;
  absl::Span<const int32_t> rest = ids.subspan(0, limit);
  const size_t size = static_cast<size_t>(pool_.block_size());
  while (!rest.empty()) {
    const absl::Span<const int32_t> tokens = rest.subspan(0, size);
    const Key wanted{
        chain.Before(static_cast<int32_t>(match.blocks.size()), ids),
        {tokens.begin(), tokens.end()}};
    // What is less than a block is only ever copied.
    const auto found =
        tokens.size() == size ? entries_.find(wanted) : entries_.end();
    if (found == entries_.end()) {
      FindPart(wanted, match);
      break;
    }
    match.blocks.push_back(found->second);
    rest.remove_prefix(size);
  }
  return match;
}

void PrefixCache::FindPart(const Key& wanted, PrefixMatch& match) const {
  const auto consider = [&](Entries::const_iterator entry) {
    if (entry->first.before != wanted.before) return;
    const int32_t common = CommonLength(entry->first.tokens, wanted.tokens);
    if (common <= match.part_positions) return;
    match.part_positions = common;
    match.part_block = entry->second;
  };
  const auto after = entries_.lower_bound(wanted);
  if (after != entries_.end()) consider(after);
  if (after != entries_.begin()) consider(std::prev(after));
}

void PrefixCache::Publish(PrefixChain& chain, absl::Span<const int32_t> ids,
                          const BlockTable& table, int32_t first, int32_t end) {
  const size_t size = static_cast<size_t>(pool_.block_size());
  for (int32_t index = first; index < end; ++index) {
    const absl::Span<const int32_t> tokens = ids.subspan(index * size, size);
    const int32_t block = table.id(index);
    if (!Offer({chain.Before(index, ids), {tokens.begin(), tokens.end()}},
               block)) {
      continue;
    }
    if (index < chain.public_blocks() && index < max_warm_blocks_) {
      // The end of a prefix is of no use without its beginning.
      Warm(block, index == 0 ? warm_.end() : warm_at_[table.id(index - 1)]);
    }
  }
}

void PrefixCache::PublishRest(PrefixChain& chain, absl::Span<const int32_t> ids,
                              const BlockTable& table, int32_t positions) {
  const int32_t index = positions / pool_.block_size();
  const int32_t count = positions % pool_.block_size();
  if (count == 0) return;
  const absl::Span<const int32_t> tokens =
      ids.subspan(positions - count, count);
  Offer({chain.Before(index, ids), {tokens.begin(), tokens.end()}},
        table.id(index));
}

bool PrefixCache::Offer(Key key, int32_t block) {
  const auto extends = [](const Key& longer, const Key& shorter) {
    return longer.before == shorter.before &&
           CommonLength(longer.tokens, shorter.tokens) ==
               static_cast<int32_t>(shorter.tokens.size());
  };
  const auto after = entries_.lower_bound(key);
  if (after != entries_.end() && extends(after->first, key)) return false;
  if (after != entries_.begin() && extends(key, std::prev(after)->first)) {
    const int32_t shorter = std::prev(after)->second;
    Erase(shorter);
    pool_.Forget(shorter);
  }
  const auto entry = entries_.emplace_hint(after, std::move(key), block);
  pool_.Keep(block);
  by_block_[block] = entry;
  return true;
}

void PrefixCache::Touch(const PrefixChain& chain, const PrefixMatch& match) {
  const int32_t count = std::min({chain.public_blocks(), max_warm_blocks_,
                                  static_cast<int32_t>(match.blocks.size())});
  for (int32_t index = count - 1; index >= 0; --index) {
    Warm(match.blocks[index], warm_.end());
  }
}

void PrefixCache::Warm(int32_t block, std::list<int32_t>::iterator before) {
  if (warm_at_[block] == warm_.end()) {
    warm_at_[block] = warm_.insert(before, block);
    pool_.SetWarm(block, true);
  } else {
    warm_.splice(before, warm_, warm_at_[block]);
  }
  if (static_cast<int32_t>(warm_.size()) > max_warm_blocks_) {
    Cool(warm_.front());
  }
}

void PrefixCache::Cool(int32_t block) {
  pool_.SetWarm(block, false);
  warm_.erase(warm_at_[block]);
  warm_at_[block] = warm_.end();
}

bool PrefixCache::CoolAll() {
  const bool any = !warm_.empty();
  while (!warm_.empty()) Cool(warm_.front());
  return any;
}

void PrefixCache::Withdraw(const BlockTable& table) {
  for (int32_t index = 0; index < table.size(); ++index) {
    const int32_t block = table.id(index);
    if (by_block_[block] == entries_.end()) continue;
    Erase(block);
    pool_.Forget(block);
  }
}

int32_t PrefixCache::CountCached(const PrefixMatch& match) const {
  return static_cast<int32_t>(
      std::count_if(match.blocks.begin(), match.blocks.end(), [&](int32_t id) {
        return pool_.references(id) == 0 && !pool_.warm(id);
      }));
}

void PrefixCache::Erase(int32_t block) {
  SLUICE_CHECK(by_block_[block] != entries_.end(), "kept blocks have entries");
  if (warm_at_[block] != warm_.end()) {
    warm_.erase(warm_at_[block]);
    warm_at_[block] = warm_.end();
  }
  entries_.erase(by_block_[block]);
  by_block_[block] = entries_.end();
}

}  // namespace sluice::generator
