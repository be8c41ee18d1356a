#include "services/generator/kv_cache/prefix_cache.h"

#include <algorithm>
#include <iterator>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

// A change of what is hashed changes this.
constexpr std::string_view kDomain = "sluice prefix 1";

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
  }
  return digests_[index];
}

PrefixCache::PrefixCache(BlockPool& pool, std::string fingerprint)
    : pool_(pool), fingerprint_(std::move(fingerprint)) {
  by_block_.assign(pool.counts().total, entries_.end());
  pool_.SetEvictionListener([this](int32_t block) {
    Erase(block);
    ++evictions_;
  });
}

PrefixCache::~PrefixCache() {
  for (const auto& [key, block] : entries_) pool_.Forget(block);
  pool_.SetEvictionListener(nullptr);
}

PrefixChain PrefixCache::StartChain(std::string_view salt) const {
  Sha256 sha;
  UpdateWithLength(sha, kDomain);
  UpdateWithLength(sha, salt);
  UpdateWithLength(sha, fingerprint_);
  return PrefixChain(sha.Finish(), pool_.block_size());
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
    const auto found = entries_.find(wanted);
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
    const auto [entry, is_new] = entries_.try_emplace(
        Key{chain.Before(index, ids), {tokens.begin(), tokens.end()}}, block);
    if (!is_new) continue;
    pool_.Keep(block);
    by_block_[block] = entry;
  }
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
      std::count_if(match.blocks.begin(), match.blocks.end(),
                    [&](int32_t id) { return pool_.references(id) == 0; }));
}

void PrefixCache::Erase(int32_t block) {
  SLUICE_CHECK(by_block_[block] != entries_.end(), "kept blocks have entries");
  entries_.erase(by_block_[block]);
  by_block_[block] = entries_.end();
}

}  // namespace sluice::generator
