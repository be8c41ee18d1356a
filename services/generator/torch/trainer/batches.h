#pragma once

// Which documents are trained together. Documents of like length share a
// batch, so that padding is rare and a document's positions begin at 0, as
// they do when the model is served.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/generator/torch/trainer/id_file.h"

namespace sluice::generator {

struct BatchOptions {
  int64_t batch_tokens = 2048;  // rows times width
  int32_t min_rows = 1;         // even if batch_tokens is passed by it
  int32_t window_batches = 64;  // documents are sorted inside such a window
  uint64_t seed = 1;
};

// All documents of `lengths` once, in an order that is a pure function of
// options and epoch. Each element lists the documents of one batch.
std::vector<std::vector<int32_t>> PlanEpoch(absl::Span<const int32_t> lengths,
                                            const BatchOptions& options,
                                            int32_t epoch);

// Arrays of one batch, row-major, padded with id 0.
struct Batch {
  int64_t rows = 0;
  int64_t width = 0;
  std::vector<int64_t> ids;  // [rows, width]: what the model reads
  // Positions whose next id is learned, in ascending order:
  std::vector<int64_t> places;   // row * width + column
  std::vector<int64_t> targets;  // the next id
  std::vector<float> weights;    // > 0
};

// Deals the documents of a batch to `shards` (some may stay empty).
std::vector<std::vector<int32_t>> Deal(absl::Span<const int32_t> documents,
                                       int32_t shards);

// An answer of n ids weighs 1 / sqrt(n) per id, so that one word is not drowned
// by the long answers beside it; all other ids weigh `prompt_weight` (left out
// when 0).
Batch MakeBatch(const IdFile& file, absl::Span<const int32_t> documents,
                float prompt_weight);

}  // namespace sluice::generator
