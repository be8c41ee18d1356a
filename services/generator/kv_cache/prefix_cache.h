#pragma once

// Finds blocks that earlier sequences left behind and that begin with the same
// tokens. Content-addressed: a block is known by a SHA-256 chain over the
// tenant's salt, the model and all tokens before it, and by its own tokens.

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/base/sha256.h"
#include "services/generator/kv_cache/block_pool.h"
#include "services/generator/kv_cache/block_table.h"

namespace sluice::generator {

// The blocks that lie within the first `public_tokens` tokens belong to nobody:
// their chain begins with what all tenants share, and goes on with the tenant's
// salt behind them.
struct ChainSalt {
  std::string_view tenant;
  int32_t public_tokens = 0;
};

// The hash chain over the whole blocks of one sequence, computed once however
// often it is asked for. Threads: engine thread only.
class PrefixChain {
 public:
  // The first `public_blocks` blocks hang on `public_root`, the others on both.
  struct Roots {
    Sha256Digest tenant;
    Sha256Digest public_root;
    int32_t public_blocks = 0;
  };
  PrefixChain(const Roots& roots, int32_t block_size)
      : block_size_(block_size),
        roots_(roots),
        digests_{roots.public_blocks > 0 ? roots.public_root : roots.tenant} {}

  int32_t public_blocks() const { return roots_.public_blocks; }

  // Stands for everything before block `index`.
  // REQUIRES: `ids` reach to that block, and only grew since the last call.
  const Sha256Digest& Before(int32_t index, absl::Span<const int32_t> ids);

 private:
  int32_t block_size_;
  Roots roots_;
  std::vector<Sha256Digest> digests_;  // by block index
};

// Entries are the kept blocks of the pool, no more than it has.
// Threads: engine thread only.
class PrefixCache {
 public:
  // The pool must outlive the cache, which becomes its eviction listener.
  // Public blocks are kept warm, the most recently used `max_warm_blocks`.
  PrefixCache(BlockPool& pool, std::string fingerprint,
              int32_t max_warm_blocks = 0);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;
  ~PrefixCache();

  // The chain of a sequence whose blocks only those of equal salt may see.
  PrefixChain StartChain(const ChainSalt& salt) const;

  // The most that is there of the first `limit` of `ids`. Takes no reference:
  // the answer holds until the pool changes.
  PrefixMatch Find(PrefixChain& chain, absl::Span<const int32_t> ids,
                   int32_t limit) const;

  // Offers the blocks from `first` to `end` of a sequence for reuse. What the
  // cache has already stays as it is.
  // REQUIRES: all positions of these blocks hold the keys and values of `ids`
  // and are never written again.
  void Publish(PrefixChain& chain, absl::Span<const int32_t> ids,
               const BlockTable& table, int32_t first, int32_t end);

  // Offers the positions before `positions` that fill no whole block, for reuse
  // by copy. REQUIRES: as above, and the sequence writes nothing more.
  void PublishRest(PrefixChain& chain, absl::Span<const int32_t> ids,
                   const BlockTable& table, int32_t positions);

  // The public blocks of the match are used once more.
  void Touch(const PrefixChain& chain, const PrefixMatch& match);
  // No block is warm any more; false when none was.
  bool CoolAll();

  // Withdraws the blocks, where the cache has them.
  void Withdraw(const BlockTable& table);

  // Blocks that match as a whole and that Allocate could hand out.
  int32_t CountCached(const PrefixMatch& match) const;
  int64_t evictions() const { return evictions_; }

 private:
  struct Key {
    Sha256Digest before;
    std::vector<int32_t> tokens;
    auto operator<=>(const Key&) const = default;
  };
  using Entries = std::map<Key, int32_t>;  // to block id

  // Takes the block in, unless what is there says as much; what then says less
  // goes.
  bool Offer(Key key, int32_t block);
  // Ordered, so that the neighbours of a block share the most tokens with it.
  void FindPart(const Key& wanted, PrefixMatch& match) const;
  void Erase(int32_t block);
  // The most recently used, but for those of `before` when that is warm.
  void Warm(int32_t block, std::list<int32_t>::iterator before);
  void Cool(int32_t block);

  BlockPool& pool_;
  const std::string fingerprint_;
  const int32_t max_warm_blocks_;
  Entries entries_;
  std::list<int32_t> warm_;  // the next to be cooled first
  std::vector<std::list<int32_t>::iterator> warm_at_;  // by block; end(): not
  std::vector<Entries::iterator> by_block_;            // end(): not here
  int64_t evictions_ = 0;
};

}  // namespace sluice::generator
