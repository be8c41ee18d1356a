#pragma once

// What a simulation must have gone through to prove anything.

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::generator {

enum class Situation {
  kBlocksExhausted,
  kPreempted,
  kPreemptedToTheCap,
  kPreemptedInPrefill,
  kBlockShared,
  kPrefixHit,
  kPrefixWithinABlock,
  kPrefixEvicted,
  kPrefixBypassed,
  kPrefixAwaited,
  kPublicShared,
  kPublicWarm,
  kPromptInManyChunks,
  kPrefillBesideDecode,
  kPaused,
  kPausedLostBlocks,
  kSlowReaderEnded,
  kCancelledQueued,
  kCancelledInPrefill,
  kCancelledInDecode,
  kDeadlineBeforeStart,
  kDeadlineAfterStart,
  kRefusedQueueRequests,
  kRefusedQueueTokens,
  kRefusedNeverFits,
  kRefusedUnmeetable,
  kQueueTimeout,
  kFirstTokenTimeout,
  kKilled,
  kResumedAfterKill,
  kResumedMidway,
  kResumedWholeStream,
  kResumedForeign,
  kResumedWithinStop,
  kStopAcrossResume,
  kHeldBack,
  kContextUsedUp,
  kAgedPast,
  kTenantTurns,
  kTenantCameBack,
  kFirstDidNotFit,
  kEvictionChose,
  kPositionTold,
  kSuperseded,
  kStaleAttempt,
  kStepFailed,
  kNotANumber,
  kSignQueued,
  kSignProgress,
  kSignDelta,
  kDeltasMerged,
  kEndedByEos,
  kEndedByStopId,
  kEndedByStopString,
  kEndedByLength,
  kLetPass,
  kBatchGathered,
  kIdle,
  kCount,
};

inline constexpr size_t kSituations = static_cast<size_t>(Situation::kCount);

inline constexpr std::array<const char*, kSituations> kSituationNames = {
    "blocks_exhausted",
    "preempted",
    "preempted_to_the_cap",
    "preempted_in_prefill",
    "block_shared",
    "prefix_hit",
    "prefix_within_a_block",
    "prefix_evicted",
    "prefix_bypassed",
    "prefix_awaited",
    "public_shared",
    "public_warm",
    "prompt_in_many_chunks",
    "prefill_beside_decode",
    "paused",
    "paused_lost_blocks",
    "slow_reader_ended",
    "cancelled_queued",
    "cancelled_in_prefill",
    "cancelled_in_decode",
    "deadline_before_start",
    "deadline_after_start",
    "refused_queue_requests",
    "refused_queue_tokens",
    "refused_never_fits",
    "refused_unmeetable",
    "queue_timeout",
    "first_token_timeout",
    "killed",
    "resumed_after_kill",
    "resumed_midway",
    "resumed_whole_stream",
    "resumed_foreign",
    "resumed_within_stop",
    "stop_across_resume",
    "held_back",
    "context_used_up",
    "aged_past",
    "tenant_turns",
    "tenant_came_back",
    "first_did_not_fit",
    "eviction_chose",
    "position_told",
    "superseded",
    "stale_attempt",
    "step_failed",
    "not_a_number",
    "sign_queued",
    "sign_progress",
    "sign_delta",
    "deltas_merged",
    "ended_by_eos",
    "ended_by_stop_id",
    "ended_by_stop_string",
    "ended_by_length",
    "let_pass",
    "batch_gathered",
    "idle",
};
static_assert(kSituationNames.back() != nullptr, "every situation has a name");

// How often each was met. Threads: one at a time.
class Situations {
 public:
  void Met(Situation situation, int64_t times = 1) {
    counts_[static_cast<size_t>(situation)] += times;
  }
  void MetIf(bool met, Situation situation) { Met(situation, met); }
  int64_t count(size_t index) const { return counts_[index]; }

 private:
  std::array<int64_t, kSituations> counts_ = {};
};

}  // namespace sluice::generator
