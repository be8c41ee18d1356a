#pragma once

// How tokens are chosen: what a request may ask, and what it gets.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::generator {

// Limits of proto/sluice/generator/v1/sampling.proto.
inline constexpr float kMaxTemperature = 100.0f;
inline constexpr float kMaxRepetitionPenalty = 100.0f;
inline constexpr int32_t kMaxStops = 16;
inline constexpr int32_t kMaxStopBytes = 128;
inline constexpr int32_t kMaxStopTokenIds = 64;

// What somebody asked for; what is absent is left to the next in the chain.
struct SamplingOverrides {
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> repetition_penalty;
  std::optional<uint64_t> seed;
  std::optional<int32_t> max_new_tokens;
  std::optional<int32_t> min_new_tokens;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  std::optional<bool> ignore_eos;
  std::optional<bool> do_sample;
};

// Every parameter as it is used. The initial values are the neutral ones.
struct SamplingParams {
  float temperature = 1.0f;  // 0 is greedy
  int32_t top_k = 0;         // 0 is off
  float top_p = 1.0f;        // 1 is off
  float repetition_penalty = 1.0f;
  uint64_t seed = 0;
  int32_t max_new_tokens = 0;
  int32_t min_new_tokens = 0;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  bool ignore_eos = false;
  bool do_sample = true;

  bool greedy() const { return !do_sample || temperature == 0.0f; }
};

// What a request is judged against.
struct ParamsLimits {
  int32_t context_length = 0;   // positions, prompt and output together
  int32_t vocabulary_size = 0;  // rows of the logits
  int32_t prompt_tokens = 0;    // REQUIRES: below context_length
  uint64_t drawn_seed = 0;      // used when nobody named one
};

// Each parameter from the first of request, defaults, neutral that has it.
// max_new_tokens becomes at most what the prompt leaves of the context. A
// request that names a temperature samples, unless it says do_sample itself.
// Errors: INVALID_ARGUMENT "params.NAME: what, got, limit".
absl::StatusOr<SamplingParams> ResolveParams(const SamplingOverrides& request,
                                             const SamplingOverrides& defaults,
                                             const ParamsLimits& limits);

// Checks that need no model: ranges of everything that is present.
absl::Status CheckRanges(const SamplingOverrides& overrides);

}  // namespace sluice::generator
