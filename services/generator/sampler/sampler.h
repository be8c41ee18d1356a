#pragma once

// One row of logits -> one token. Processors and warpers are those of Hugging
// Face transformers, in its order: repetition_penalty, min_new_tokens; then,
// when sampling, temperature, top_k, top_p and one draw.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/generator/sampler/patched_row.h"
#include "services/generator/sampler/sampling_params.h"
#include "services/generator/sampler/seen_tokens.h"

namespace sluice::generator {

// Where in its sequence the token stands, and what came before.
struct SamplePoint {
  // Distinct ids of prompt and output. Null: no repetition_penalty.
  const SeenTokens* seen = nullptr;
  // Ids of the output that follow those, if all guesses before this are right.
  absl::Span<const int32_t> drafted = {};
  // Ids that must not be chosen here: the ends, before min_new_tokens.
  absl::Span<const int32_t> banned_ids;
  int32_t sequence_index = 0;
  int64_t position = 0;  // absolute, of the token that is chosen
};

// The result depends on the arguments alone: all arithmetic is in a fixed
// order, and the random number is f(seed, sequence index, position).
// Threads: engine thread only (it keeps scratch memory).
class Sampler {
 public:
  // Greedy is the first index of the maximum. When the ban and -inf leave
  // nothing, the ban is ignored.
  // logits: [vocabulary] float32.
  // Errors: INTERNAL when a logit is NaN or all are -inf.
  absl::StatusOr<int32_t> Sample(absl::Span<const float> logits,
                                 const SamplingParams& params,
                                 const SamplePoint& point);

 private:
  struct Top {
    int32_t id = 0;
    float value = 0;
  };

  void Process(absl::Span<const float> logits, const SamplingParams& params,
               const SamplePoint& point);
  void PenaliseDrafted(const SamplingParams& params, const SamplePoint& point);
  absl::StatusOr<Top> FindTop();
  int32_t DrawFromAll(float top, float temperature, double uniform);
  int32_t DrawFromKept(float top, const SamplingParams& params, double uniform);
  void KeepTopK(int32_t k);
  void KeepTopP(float top_p);
  void WeighKept(float top, float temperature);

  PatchedRow row_;                  // the logits as processed
  std::vector<float> block_tops_;   // of row_, see row_scan.h
  std::vector<float> candidates_;   // values, order unspecified
  std::vector<float> weights_;      // [vocabulary] or by kept_
  std::vector<double> block_sums_;  // of weights_
  std::vector<int32_t> kept_;       // ids, ascending unless said otherwise
  std::vector<int32_t> order_;      // indices into kept_
};

// exp(x) for x <= 0 as float32, 0 below -80, in arithmetic of our own so that
// it has the same bits on every machine. Relative error below 2e-7.
float ExpOfNegative(float x);

}  // namespace sluice::generator
