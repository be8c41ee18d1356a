#pragma once

// How the attention of a pass is cut into tasks for the threads. The cut
// changes no bits: parts of a sequence begin at fixed positions.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sluice::generator {

// The rows of one sequence inside a pass.
struct AttentionRows {
  int32_t first_position = 0;
  int32_t rows = 0;
};

struct AttentionShape {
  int32_t kv_heads = 1;
  int32_t group = 1;  // query heads per KV head
  int32_t threads = 1;
  int64_t max_partials = 0;  // that there is memory for
};

// Query vectors of one sequence that share a KV head: vector v is head
// v % group of row v / group.
struct AttentionTask {
  int32_t sequence = 0;
  int32_t kv_head = 0;
  int32_t vector_begin = 0;
  int32_t vector_end = 0;
  // Of a head that is cut at positions: which part this is, of how many. Else
  // 0 of 1.
  int32_t part = 0;
  int32_t parts = 1;
  // With several parts: the first of the head's partials, and the number of
  // the head among those cut so.
  int64_t first_partial = 0;
  int32_t cut_head = 0;
};

struct AttentionPlan {
  std::vector<AttentionTask> tasks;  // the longest first
  int32_t cut_heads = 0;
};

// Sequences of one row have one task per head, or one per part when a head
// would be a large share of the pass; those of more rows are cut between
// vectors. Threads: any.
void PlanAttention(absl::Span<const AttentionRows> sequences,
                   const AttentionShape& shape, AttentionPlan& plan);

}  // namespace sluice::generator
