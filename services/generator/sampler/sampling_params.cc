#include "services/generator/sampler/sampling_params.h"

#include <algorithm>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

template <typename Got>
absl::Status Refuse(const std::string& name, std::string_view what, Got got,
                    std::string_view limit) {
  return FieldError("params." + name, what, absl::StrCat(got), limit);
}

// The negated comparisons are false for NaN as well.
absl::Status CheckScalars(const SamplingOverrides& p) {
  if (p.temperature &&
      !(*p.temperature >= 0 && *p.temperature <= kMaxTemperature)) {
    return Refuse("temperature", "out of range", *p.temperature, "0 to 100");
  }
  if (p.top_k && *p.top_k < 0) {
    return Refuse("top_k", "out of range", *p.top_k, "0 to 2147483647");
  }
  if (p.top_p && !(*p.top_p > 0 && *p.top_p <= 1)) {
    return Refuse("top_p", "out of range", *p.top_p, "above 0, at most 1");
  }
  if (p.repetition_penalty &&
      !(*p.repetition_penalty > 0 &&
        *p.repetition_penalty <= kMaxRepetitionPenalty)) {
    return Refuse("repetition_penalty", "out of range", *p.repetition_penalty,
                  "above 0, at most 100");
  }
  if (p.min_new_tokens && *p.min_new_tokens < 0) {
    return Refuse("min_new_tokens", "out of range", *p.min_new_tokens,
                  "0 to max_new_tokens");
  }
  return absl::OkStatus();
}

absl::Status CheckStops(const SamplingOverrides& p) {
  if (p.stop.size() > static_cast<size_t>(kMaxStops)) {
    return Refuse("stop", "too many", p.stop.size(), absl::StrCat(kMaxStops));
  }
  for (size_t i = 0; i < p.stop.size(); ++i) {
    const size_t bytes = p.stop[i].size();
    if (bytes >= 1 && bytes <= static_cast<size_t>(kMaxStopBytes)) continue;
    return Refuse(absl::StrCat("stop[", i, "]"), "length out of range",
                  absl::StrCat(bytes, " bytes"),
                  absl::StrCat("1 to ", kMaxStopBytes, " bytes"));
  }
  if (p.stop_token_ids.size() > static_cast<size_t>(kMaxStopTokenIds)) {
    return Refuse("stop_token_ids", "too many", p.stop_token_ids.size(),
                  absl::StrCat(kMaxStopTokenIds));
  }
  return absl::OkStatus();
}

absl::Status CheckAgainstModel(const SamplingOverrides& request,
                               const ParamsLimits& limits) {
  if (request.max_new_tokens &&
      (*request.max_new_tokens < 1 ||
       *request.max_new_tokens > limits.context_length)) {
    return Refuse("max_new_tokens", "out of range", *request.max_new_tokens,
                  absl::StrCat("1 to ", limits.context_length));
  }
  for (size_t i = 0; i < request.stop_token_ids.size(); ++i) {
    const int32_t id = request.stop_token_ids[i];
    if (id >= 0 && id < limits.vocabulary_size) continue;
    return Refuse(absl::StrCat("stop_token_ids[", i, "]"), "no such id", id,
                  absl::StrCat("0 to ", limits.vocabulary_size - 1));
  }
  return absl::OkStatus();
}

template <typename T>
T FirstOf(const std::optional<T>& request, const std::optional<T>& defaults,
          T neutral) {
  return request.has_value() ? *request : defaults.value_or(neutral);
}

bool Samples(const SamplingOverrides& request,
             const SamplingOverrides& defaults) {
  if (request.do_sample.has_value()) return *request.do_sample;
  if (request.temperature.has_value()) return true;
  return defaults.do_sample.value_or(true);
}

}  // namespace

absl::Status CheckRanges(const SamplingOverrides& overrides) {
  RETURN_IF_ERROR(CheckScalars(overrides));
  return CheckStops(overrides);
}

absl::StatusOr<SamplingParams> ResolveParams(const SamplingOverrides& request,
                                             const SamplingOverrides& defaults,
                                             const ParamsLimits& limits) {
  RETURN_IF_ERROR(CheckRanges(request));
  RETURN_IF_ERROR(CheckAgainstModel(request, limits));
  SamplingParams params;
  params.temperature = FirstOf(request.temperature, defaults.temperature, 1.0f);
  params.top_k = FirstOf(request.top_k, defaults.top_k, 0);
  params.top_p = FirstOf(request.top_p, defaults.top_p, 1.0f);
  params.repetition_penalty =
      FirstOf(request.repetition_penalty, defaults.repetition_penalty, 1.0f);
  params.seed = FirstOf(request.seed, defaults.seed, limits.drawn_seed);
  const int32_t left = limits.context_length - limits.prompt_tokens;
  const int32_t wanted =
      FirstOf(request.max_new_tokens, defaults.max_new_tokens, left);
  params.min_new_tokens =
      FirstOf(request.min_new_tokens, defaults.min_new_tokens, 0);
  if (request.min_new_tokens && params.min_new_tokens > wanted) {
    return Refuse("min_new_tokens", "out of range", params.min_new_tokens,
                  absl::StrCat("0 to max_new_tokens, ", wanted));
  }
  params.max_new_tokens = std::min(wanted, left);
  params.min_new_tokens =
      std::min(params.min_new_tokens, params.max_new_tokens);
  params.stop = request.stop;
  params.stop_token_ids = request.stop_token_ids;
  params.ignore_eos = FirstOf(request.ignore_eos, defaults.ignore_eos, false);
  params.do_sample = Samples(request, defaults);
  return params;
}

}  // namespace sluice::generator
