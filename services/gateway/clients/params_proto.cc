#include "services/gateway/clients/params_proto.h"

#include <array>
#include <charconv>
#include <cmath>

namespace sluice::gateway {

double ShortestDouble(float value) {
  if (!std::isfinite(value)) return value;
  std::array<char, 32> digits;
  const auto written =
      std::to_chars(digits.data(), digits.data() + digits.size(), value);
  double shortest = 0;
  std::from_chars(digits.data(), written.ptr, shortest);
  return shortest;
}

api::SamplingParams FromProto(const generator::v1::SamplingParams& params) {
  api::SamplingParams out;
  if (params.has_temperature()) {
    out.temperature = ShortestDouble(params.temperature());
  }
  if (params.has_top_k()) out.top_k = params.top_k();
  if (params.has_top_p()) out.top_p = ShortestDouble(params.top_p());
  if (params.has_repetition_penalty()) {
    out.repetition_penalty = ShortestDouble(params.repetition_penalty());
  }
  if (params.has_seed()) out.seed = params.seed();
  if (params.has_max_new_tokens()) {
    out.max_new_tokens = params.max_new_tokens();
  }
  if (params.has_min_new_tokens()) {
    out.min_new_tokens = params.min_new_tokens();
  }
  out.stop.assign(params.stop().begin(), params.stop().end());
  out.stop_token_ids.assign(params.stop_token_ids().begin(),
                            params.stop_token_ids().end());
  if (params.has_ignore_eos()) out.ignore_eos = params.ignore_eos();
  if (params.has_do_sample()) out.do_sample = params.do_sample();
  return out;
}

generator::v1::SamplingParams ToProto(const api::SamplingParams& params) {
  generator::v1::SamplingParams out;
  if (params.temperature) {
    out.set_temperature(static_cast<float>(*params.temperature));
  }
  if (params.top_k) out.set_top_k(static_cast<int32_t>(*params.top_k));
  if (params.top_p) out.set_top_p(static_cast<float>(*params.top_p));
  if (params.repetition_penalty) {
    out.set_repetition_penalty(static_cast<float>(*params.repetition_penalty));
  }
  if (params.seed) out.set_seed(*params.seed);
  if (params.max_new_tokens) {
    out.set_max_new_tokens(static_cast<int32_t>(*params.max_new_tokens));
  }
  if (params.min_new_tokens) {
    out.set_min_new_tokens(static_cast<int32_t>(*params.min_new_tokens));
  }
  for (const std::string& stop : params.stop) out.add_stop(stop);
  for (const int64_t id : params.stop_token_ids) {
    out.add_stop_token_ids(static_cast<int32_t>(id));
  }
  if (params.ignore_eos) out.set_ignore_eos(*params.ignore_eos);
  if (params.do_sample) out.set_do_sample(*params.do_sample);
  return out;
}

}  // namespace sluice::gateway
