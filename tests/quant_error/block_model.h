#pragma once

// A model whose matrices went through the block formats that others use.

#include <string>

#include "absl/status/status.h"

namespace sluice::generator {

// Writes `directory` again into `out` as float32, its matrices rounded to
// blocks of 32 with a float16 scale: Q8_0 (scale max / 127, round to nearest),
// or Q4_0 (scale extreme / -8, codes -8 to 7) with embedding and head in Q8_0.
// Errors: those of reading and writing.
absl::Status WriteBlockModel(const std::string& directory, bool four_bits,
                             const std::string& out);

}  // namespace sluice::generator
