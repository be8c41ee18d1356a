#pragma once

// Public prefixes: system prompts that the operator declared. Their blocks in
// the prefix cache of a Generator are shared by all tenants, so what counts as
// public must hold nothing of a client's: it is what two chats of our own with
// such a prompt have in common, and a request gets as much of it as its ids
// begin with.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "services/gateway/pipeline/ports.h"

namespace sluice::gateway {

using SharedIds = std::shared_ptr<const std::vector<int32_t>>;

// Learns the ids of each prompt from each Tokenizer, and sends each Generator
// one tiny chat with it, so that the first client finds it in the cache. Calls
// that run hold it weakly. Limits: one call at a time; it remembers as much as
// there are prompts times services that are ready. Threads: any.
class PublicPrefixes : public std::enable_shared_from_this<PublicPrefixes> {
 public:
  // `clock` and `random` must outlive it and its calls.
  PublicPrefixes(std::vector<std::string> system_prompts, const Clock& clock,
                 RandomSource& random);

  // Starts the next thing to do with what is ready now: call it a few times a
  // second. Forgets services that are not among `routes`.
  void Tick(const std::vector<Route>& routes);

  // The public ids for a chat that begins with a declared system prompt, word
  // for word; null otherwise, or when its Tokenizer has not been asked yet.
  SharedIds Find(const std::vector<api::ChatMessage>& messages,
                 const Route& route) const;

  // Prompts that were learned, summed over Tokenizers, and sent, over
  // Generators.
  std::pair<size_t, size_t> counts() const;

 private:
  struct Lesson {
    SharedIds prefix;  // null: not learned
    SharedIds sample;  // a whole chat that begins so
    Nanos retry_at = 0;
  };
  struct Warming {
    bool done = false;
    Nanos retry_at = 0;
  };
  // Alive as long as the Tokenizer's model is the same.
  using TokenizerKey = std::weak_ptr<TokenizerPort>;

  struct Job {
    size_t prompt = 0;
    Route route;
    SharedIds prefix;  // to warm; null: to learn
    SharedIds sample;
  };

  void Forget(const std::vector<Route>& routes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Job> NextJob(const std::vector<Route>& routes, Nanos now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Lesson* FindLesson(const Route& route, size_t prompt) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  api::ChatPrompt ProbeChat(size_t prompt, const char* user) const;

  void Learn(const Job& job);
  void OnFirst(const Job& job, absl::StatusOr<std::vector<int32_t>> ids);
  void OnSecond(const Job& job, std::vector<int32_t> first,
                absl::StatusOr<std::vector<int32_t>> second);
  void Learned(const Job& job, Lesson lesson);
  void Warm(const Job& job);
  void Warmed(const Job& job, bool done);

  const std::vector<std::string> system_prompts_;
  const Clock& clock_;
  RandomSource& random_;

  mutable absl::Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<TokenizerKey, std::vector<Lesson>, std::owner_less<TokenizerKey>>
      lessons_ ABSL_GUARDED_BY(mutex_);
  // By Route::instance.
  std::map<std::string, std::vector<Warming>> warmings_ ABSL_GUARDED_BY(mutex_);
};

// How many ids `ids` begins with that `prefix` begins with too.
int32_t CommonPrefix(const std::vector<int32_t>& ids,
                     const std::vector<int32_t>& prefix);

}  // namespace sluice::gateway
