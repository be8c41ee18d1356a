#pragma once

// How tokens are chosen, as the client wrote it: absent fields take the next
// default of the chain request, preset, model, neutral (see presets/).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::gateway::api {

// Wider than the wire, so that what a client wrote is judged and quoted as it
// was written; valid values fit float and int32. Ranges: api/validator.h.
struct SamplingParams {
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  std::optional<double> repetition_penalty;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_new_tokens;
  std::optional<int64_t> min_new_tokens;
  std::vector<std::string> stop;
  std::vector<int64_t> stop_token_ids;
  std::optional<bool> ignore_eos;
  std::optional<bool> do_sample;
};

}  // namespace sluice::gateway::api
