#pragma once

// What an operator sets of the scheduler, and what it is told of the model.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/generator/scheduler/step_pacer.h"

namespace sluice::generator {

inline constexpr int32_t kMostDraft = 64;

// Guesses of the next ids that are verified in the same step; the output is the
// same with them and without.
struct SpeculationOptions {
  bool on = false;
  // Guesses of a sequence in a step at most.
  int32_t max_draft = 8;
  // What a step should take: those with drafts are held to it as prefill is.
  int32_t target_step_ms = StepPacerOptions().target_step_ms;
};

struct SchedulerOptions {
  // Rows of a step at most; every running sequence has one, the rest is
  // prefill. More make prefill cheaper and let cancels wait longer.
  int32_t max_step_rows = 512;
  // Sequences that are computed, and so hold blocks, at once.
  int32_t max_batch_size = 64;
  // With nothing running, sequences are waited for until there are so many, or
  // one of them has waited so long. What runs is never held up.
  int32_t min_batch_size = 1;
  int32_t batch_timeout_ms = 100;
  // Requests that wait for their first step; beyond, they are refused.
  int32_t max_queued_requests = 256;
  // Their prompt and output tokens together; one request always may wait.
  int64_t max_queued_tokens = int64_t{1} << 22;
  // A sequence that lost its blocks this often next waits for all it can need.
  int32_t max_preemptions = 3;
  // A request moves up one priority class each time it was here so long.
  int32_t priority_aging_ms = 30'000;
  // A request ends that was here so long without a first step, or without a
  // first token; 0: none. What is expected to come near these is refused.
  int32_t queue_timeout_ms = 0;
  int32_t first_token_timeout_ms = 0;
  // What a refused request is told to wait at least; longer when the queue was
  // measured to drain more slowly.
  int32_t retry_delay_ms = 1000;
  // Keeps the blocks of ended sequences for requests of the same tenant that
  // begin with the same tokens, until others need them.
  bool prefix_cache = true;
  // Blocks of public prefixes that are kept although others need blocks; at
  // most a quarter of the pool, and none when a request needs all of it.
  int32_t max_warm_blocks = 256;
  SpeculationOptions speculation;
};

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::Status CheckOptions(const SchedulerOptions& options);

// The runner's side of the pool and of the logits.
struct SchedulerModel {
  int32_t block_count = 0;
  int32_t block_size = 0;
  int32_t vocabulary_size = 0;
  std::string fingerprint = {};  // of the runner
  bool takes_drafts = false;
};

}  // namespace sluice::generator
