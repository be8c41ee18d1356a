#pragma once

// How a token is chosen, written anew from what the sampler promises, so that
// a bug of the sampler is not in the oracle too.

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/generator/sampler/sampling_params.h"

namespace sluice::generator {

// The number in [0, 1) of a place: the first 53 of the bits that Philox4x32-10
// makes of the counter (position, sequence index) under the key (seed).
double PhiloxUniform(uint64_t seed, int32_t sequence_index, int64_t position);

// Words 0 to 3 of Philox4x32-10, for its published vectors.
std::vector<uint32_t> PhiloxWords(std::vector<uint32_t> counter, uint64_t key);

struct DrawPlace {
  const std::vector<bool>& seen;  // by id, of prompt and output
  absl::Span<const int32_t> banned_ids;
  int32_t sequence_index = 0;
  int64_t position = 0;
};

struct Choice {
  int32_t id = 0;
  // False where another order of rounding could choose another id.
  bool certain = true;
};

// Threads: one at a time (it keeps scratch memory).
class Drawer {
 public:
  Choice Draw(absl::Span<const float> logits, const SamplingParams& params,
              const DrawPlace& place);

 private:
  void KeepTopK(int32_t k);
  bool KeepTopP(double top_p);

  std::vector<float> row_;
  std::vector<double> weights_;  // 0: not a candidate
  std::vector<float> sorted_;
  std::vector<int32_t> order_;
};

}  // namespace sluice::generator
