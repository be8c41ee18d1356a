#pragma once

// One pass over a row of logits, whose length is that of a vocabulary: what is
// looked for later is found from the largest value of each block.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/generator/sampler/patched_row.h"

namespace sluice::generator {

// tops[b] is the largest value of block b, -inf when there is none but NaN.
// False when a value is NaN.
[[nodiscard]] bool ScanBlocks(const PatchedRow& row, std::vector<float>& tops);

// First index of the largest value. REQUIRES: tops are those of the row, which
// is not empty and has no NaN.
size_t FirstOfLargest(const PatchedRow& row, absl::Span<const float> tops);

// The k-th largest value; `scratch` is overwritten.
// REQUIRES: as above, 0 < k <= row.size().
float KthLargest(const PatchedRow& row, absl::Span<const float> tops, size_t k,
                 std::vector<float>& scratch);

// Indices of values at or above the threshold, ascending; -inf is never among
// them. REQUIRES: as above.
void CollectFrom(const PatchedRow& row, absl::Span<const float> tops,
                 float threshold, std::vector<int32_t>& indices);

}  // namespace sluice::generator
