#include "tests/same_bits/row_recorder.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators"
// (2014), the output function of SplitMix64.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

uint64_t HashBits(absl::Span<const float> row) {
  uint64_t hash = row.size();
  for (const float value : row) {
    hash = Mix(hash + 0x9e3779b97f4a7c15ull + std::bit_cast<uint32_t>(value));
  }
  return hash;
}

// The last block of a running sequence is its own: rows are written there.
std::map<int32_t, const Sequence*> ByLastBlock(const Scheduler& scheduler) {
  std::map<int32_t, const Sequence*> owners;
  for (const Sequence* sequence : scheduler.running()) {
    const bool is_new =
        owners.emplace(sequence->blocks.ids().back(), sequence).second;
    SLUICE_CHECK(is_new, "nobody shares the block that it writes");
  }
  return owners;
}

}  // namespace

void RowRecorder::Note(const StepPlan& plan, const SequenceRows& rows,
                       Progress& progress, Trail& trail) {
  const int32_t count =
      static_cast<int32_t>(rows.token_ids.size()) - rows.draft_rows;
  if (trail.first_position < 0) trail.first_position = rows.first_position;
  if (rows.first_position < progress.end) ++trail.preemptions;
  trail.accepted += std::max(
      0, std::min(rows.first_position, progress.drafted_end) - progress.end);
  trail.drafted += rows.draft_rows;
  progress.end = rows.first_position + count;
  progress.drafted_end = progress.end + rows.draft_rows;
  trail.batch =
      std::max(trail.batch, static_cast<int32_t>(plan.sequences.size()));
  if (count == 1) return;
  trail.chunk = std::max(trail.chunk, count);
  ++trail.chunks;
}

absl::StatusOr<LogitsView> RowRecorder::Run(const StepPlan& plan) {
  SLUICE_CHECK(scheduler_ != nullptr, "a recorder watches a scheduler");
  absl::StatusOr<LogitsView> logits = inner_.Run(plan);
  if (!logits.ok()) return logits;
  if (spoil_ && plan.sequences.size() > 1) logits = Spoil(*logits);
  const auto owners = ByLastBlock(*scheduler_);
  int32_t row = 0;
  for (const SequenceRows& rows : plan.sequences) {
    const Sequence& sequence = *owners.at(rows.block_table.back());
    SLUICE_CHECK(sequence.blocks.ids() == rows.block_table,
                 "a plan has the blocks of its sequence");
    const auto key =
        std::make_pair(sequence.request->request.id(), sequence.index);
    Trail& trail = trails_[key];
    Progress& progress = progress_[key];
    Note(plan, rows, progress, trail);
    if (!rows.wants_logits) continue;
    if (progress.first_row < 0) progress.first_row = progress.end;
    // What was guessed wrongly before is written over.
    trail.rows.resize(progress.end - progress.first_row);
    for (int32_t i = 0; i < rows.logit_rows(); ++i) {
      trail.rows.push_back(HashBits(logits->Row(row++)));
    }
  }
  return logits;
}

LogitsView RowRecorder::Spoil(const LogitsView& logits) {
  spoiled_.assign(logits.values.begin(), logits.values.end());
  for (int32_t row = 0; row < logits.rows; ++row) {
    float& first = spoiled_[static_cast<size_t>(row) * logits.vocabulary_size];
    first = std::bit_cast<float>(std::bit_cast<uint32_t>(first) ^ 1u);
  }
  return {.rows = logits.rows,
          .vocabulary_size = logits.vocabulary_size,
          .values = spoiled_};
}

}  // namespace sluice::generator
