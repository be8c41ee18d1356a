#include "tests/speculation/forced_runner.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"

namespace sluice::generator {
namespace {

constexpr float kCertain = 1e30f;

// Of every 64th logit: to hash all would take longer than to sample.
uint64_t HashBits(absl::Span<const float> row) {
  uint64_t hash = row.size();
  for (size_t i = 0; i < row.size(); i += 64) {
    hash = (hash ^ std::bit_cast<uint32_t>(row[i])) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace

absl::StatusOr<LogitsView> ForcedRunner::Run(const StepPlan& plan) {
  absl::StatusOr<LogitsView> logits = inner_.Run(plan);
  if (!logits.ok() || logits->rows == 0) return logits;
  SLUICE_CHECK(plan.sequences.size() == 1, "one sequence at a time");
  const SequenceRows& rows = plan.sequences[0];
  forced_.assign(logits->values.begin(), logits->values.end());
  const size_t columns = static_cast<size_t>(logits->vocabulary_size);
  const size_t end = rows.first_position + rows.token_ids.size();
  for (int32_t row = 0; row < logits->rows; ++row) {
    const size_t position = end - (logits->rows - row) + 1;
    SLUICE_CHECK(position < ids_.size(), "the text is long enough");
    rows_[position] = HashBits(logits->Row(row));
    forced_[row * columns + ids_[position]] = kCertain;
  }
  return LogitsView{logits->rows, logits->vocabulary_size, forced_};
}

}  // namespace sluice::generator
