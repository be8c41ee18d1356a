#include "services/gateway/presets/presets.h"

#include <algorithm>
#include <utility>

#include "common/base/error_info.h"
#include "services/gateway/api/validator.h"

namespace sluice::gateway {
namespace {

api::SamplingParams Params(double temperature, int64_t top_k, double top_p,
                           int64_t max_new_tokens, double repetition_penalty) {
  api::SamplingParams params;
  params.temperature = temperature;
  params.top_k = top_k;
  params.top_p = top_p;
  params.max_new_tokens = max_new_tokens;
  params.repetition_penalty = repetition_penalty;
  return params;
}

template <typename T>
void Fill(std::optional<T>& field, const std::optional<T>& lower) {
  if (!field.has_value()) field = lower;
}

api::SamplingParams WithImpliedSampling(api::SamplingParams params) {
  if (params.temperature.has_value() && !params.do_sample.has_value()) {
    params.do_sample = true;
  }
  return params;
}

void FillFrom(api::SamplingParams& params, const api::SamplingParams& lower) {
  Fill(params.temperature, lower.temperature);
  Fill(params.top_k, lower.top_k);
  Fill(params.top_p, lower.top_p);
  Fill(params.repetition_penalty, lower.repetition_penalty);
  Fill(params.seed, lower.seed);
  Fill(params.max_new_tokens, lower.max_new_tokens);
  Fill(params.min_new_tokens, lower.min_new_tokens);
  if (params.stop.empty()) params.stop = lower.stop;
  if (params.stop_token_ids.empty()) {
    params.stop_token_ids = lower.stop_token_ids;
  }
  Fill(params.ignore_eos, lower.ignore_eos);
  Fill(params.do_sample, lower.do_sample);
}

api::SamplingParams CutToContext(api::SamplingParams params,
                                 int64_t context_length) {
  if (params.max_new_tokens.has_value()) {
    params.max_new_tokens = std::min(*params.max_new_tokens, context_length);
  }
  return params;
}

}  // namespace

PresetCatalog::PresetCatalog(std::vector<Preset> presets)
    : presets_(std::move(presets)) {}

PresetCatalog PresetCatalog::BuiltIn() {
  return PresetCatalog({{"speed", Params(0.3, 30, 0.8, 64, 1.1)},
                        {"balanced", Params(0.5, 40, 0.9, 128, 1.2)},
                        {"quality", Params(0.7, 50, 0.95, 256, 1.3)}});
}

absl::StatusOr<const Preset*> PresetCatalog::Find(std::string_view field,
                                                  std::string_view name) const {
  if (name.empty()) return nullptr;
  std::string known;
  for (const Preset& preset : presets_) {
    if (preset.name == name) return &preset;
    known.append(known.empty() ? "" : ", ").append(preset.name);
  }
  std::string message(field);
  message.append(": no such preset, got ").append(api::Quoted(name));
  message.append(", limit one of ").append(known);
  return WithReason(WithField(absl::NotFoundError(message), field),
                    "PRESET_NOT_FOUND");
}

api::SamplingParams ResolveParams(const api::SamplingParams& request,
                                  const Preset* preset,
                                  const api::SamplingParams& model_defaults,
                                  int64_t context_length) {
  api::SamplingParams params = WithImpliedSampling(request);
  if (preset != nullptr) {
    FillFrom(params,
             CutToContext(WithImpliedSampling(preset->params), context_length));
  }
  // The model's own do_sample stands beside its own temperature.
  FillFrom(params, CutToContext(model_defaults, context_length));
  return params;
}

}  // namespace sluice::gateway
