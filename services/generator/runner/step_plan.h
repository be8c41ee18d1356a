#pragma once

// What one pass of the model shall do. Plain values: the scheduler makes it,
// a ModelRunner executes it, neither keeps it.

#include <cstdint>
#include <vector>

namespace sluice::generator {

// The rows that one sequence contributes to a step: `token_ids[i]` stands at
// absolute position `first_position + i`. Its keys and values are written into
// the block table before they are read.
struct SequenceRows {
  // At least one id, each in [0, vocabulary_size).
  std::vector<int32_t> token_ids;
  // Absolute position of token_ids[0]; positions before it are already in the
  // cache.
  int32_t first_position = 0;
  // Block ids in order of position; position p lies in block
  // block_table[p / block_size], slot p % block_size. Covers at least
  // first_position + token_ids.size() positions.
  std::vector<int32_t> block_table;
  // Logits of the last row are wanted (false while prefill goes on).
  bool wants_logits = false;
  // So many ids at the end are guesses of what comes next: logits of the row
  // before them are wanted too, and of each of them. Later plans may write the
  // positions of those that were wrong again. 0 without wants_logits, and where
  // RunnerInfo::takes_drafts is false; below token_ids.size().
  int32_t draft_rows = 0;

  int32_t logit_rows() const { return wants_logits ? draft_rows + 1 : 0; }
};

// Copy the first `positions` slots of a block before anything is written:
// copy-on-write and reuse of a partly matching block.
struct BlockCopy {
  int32_t from_block = 0;
  int32_t to_block = 0;
  int32_t positions = 0;
};

struct StepPlan {
  std::vector<BlockCopy> copies;  // executed first, in order
  std::vector<SequenceRows> sequences;
};

}  // namespace sluice::generator
