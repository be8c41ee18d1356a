#pragma once

// Remembers the tokens of short pieces: text repeats its words.

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "services/tokenizer/core/models/model.h"

namespace sluice::tokenizer {

// Looks words up without copying them (absl's own string hash does not take
// std::string_view).
struct WordHash {
  using is_transparent = void;
  size_t operator()(std::string_view word) const {
    return std::hash<std::string_view>()(word);
  }
};
template <typename Value>
using WordMap =
    absl::flat_hash_map<std::string, Value, WordHash, std::equal_to<>>;

// Limits: kShards * kWordsPerShard words; a full shard starts afresh.
// Threads: any.
class WordCache {
 public:
  static constexpr size_t kMaxWordBytes = 48;

  // Appends the tokens of `word` when it is known.
  bool Find(std::string_view word, std::vector<ModelToken>& out) const;
  // Longer words than kMaxWordBytes are not kept.
  void Insert(std::string_view word, const ModelToken* tokens, size_t count);

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kWordsPerShard = 4096;

  struct Shard {
    mutable absl::Mutex mutex;
    WordMap<std::vector<ModelToken>> words ABSL_GUARDED_BY(mutex);
  };
  static size_t ShardOf(std::string_view word);

  std::array<Shard, kShards> shards_;
};

}  // namespace sluice::tokenizer
