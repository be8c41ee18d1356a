#include "services/tokenizer/core/models/word_cache.h"

namespace sluice::tokenizer {

size_t WordCache::ShardOf(std::string_view word) {
  // The low bits choose the bucket inside the shard's map.
  return WordHash()(word) >> 32 & (kShards - 1);
}

bool WordCache::Find(std::string_view word,
                     std::vector<ModelToken>& out) const {
  if (word.size() > kMaxWordBytes) return false;
  const Shard& shard = shards_[ShardOf(word)];
  absl::ReaderMutexLock lock(&shard.mutex);
  auto found = shard.words.find(word);
  if (found == shard.words.end()) return false;
  out.insert(out.end(), found->second.begin(), found->second.end());
  return true;
}

void WordCache::Insert(std::string_view word, const ModelToken* tokens,
                       size_t count) {
  if (word.size() > kMaxWordBytes) return;
  Shard& shard = shards_[ShardOf(word)];
  absl::MutexLock lock(&shard.mutex);
  if (shard.words.size() >= kWordsPerShard) shard.words.clear();
  shard.words.try_emplace(std::string(word), tokens, tokens + count);
}

}  // namespace sluice::tokenizer
