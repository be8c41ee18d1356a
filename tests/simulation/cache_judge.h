#pragma once

// A model of its own of the prefix cache: what is kept, what must be found
// again, and which block goes first when others are needed.

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/generator/runner/step_plan.h"
#include "services/generator/scheduler/scheduler.h"
#include "tests/simulation/order_judge.h"
#include "tests/simulation/situations.h"

namespace sluice::generator {

// Threads: one at a time.
class CacheJudge {
 public:
  // Both are lent for the judge's life; the scheduler is new.
  CacheJudge(const Scheduler& scheduler, Situations& situations);

  // All errors: INTERNAL, naming the promise that is broken.

  // When the plan is made and nothing of it has run, and `order` has seen it.
  absl::Status OnPlan(const StepPlan& plan, const OrderJudge& order);
  // `failed`: the runner made an error of some kind.
  absl::Status AfterStep(bool failed);

 private:
  using Name = std::pair<Ticket, int32_t>;  // of a sequence

  struct Block {
    bool kept = false;
    bool is_public = false;           // lies within a public prefix
    bool cached = false;              // kept, held by nobody and not warm
    int64_t since = 0;                // the look at which it became so
    const Sequence* owner = nullptr;  // that alone held it last
    int32_t index = 0;                // in the owner's table
    uint64_t content = 0;             // 0: not known
  };
  struct Offer {
    int32_t block = 0;
    bool is_public = false;
    uint64_t content = 0;
  };

  // Looks at all blocks anew.
  void Look();
  void FindOwners();
  bool GoesBefore(const Block& a, const Block& b) const;
  absl::Status JudgeEvictions(const StepPlan& plan, const OrderJudge& order);
  absl::Status JudgeFound(const Sequence& sequence);
  absl::Status JudgeOffers(bool failed);
  absl::Status JudgeWarm() const;
  void NoteOffers(const StepPlan& plan, const OrderJudge& order);
  // Stands for the tenant and the first `blocks` blocks of the ids, which are
  // those of the sequence and maybe more.
  uint64_t ContentOf(const Sequence& sequence, absl::Span<const int32_t> ids,
                     int32_t blocks);
  bool Uses(const Sequence& sequence) const;

  const Scheduler& scheduler_;
  Situations& situations_;
  int64_t looks_ = 0;
  int64_t evictions_ = 0;  // as the scheduler counts them
  std::vector<Block> blocks_;
  std::unordered_map<uint64_t, int32_t> found_by_;  // content to block
  std::map<Name, std::vector<uint64_t>> contents_;  // by blocks
  std::vector<Offer> offers_;  // whole blocks that the plan completes
};

}  // namespace sluice::generator
