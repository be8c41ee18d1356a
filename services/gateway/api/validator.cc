#include "services/gateway/api/validator.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/gateway/api/chat_checks.h"
#include "services/gateway/api/text_checks.h"

namespace sluice::gateway::api {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();

struct Range {
  double low;
  double high;
  bool low_excluded = false;
};

// The wire carries float32: what rounds out of the range is out of it.
double AsFloat32(double value) {
  if (!(std::fabs(value) <= std::numeric_limits<float>::max())) {
    return std::isnan(value) ? value : HUGE_VAL * (value < 0 ? -1 : 1);
  }
  return static_cast<float>(value);
}

absl::Status CheckReal(const std::string& field,
                       const std::optional<double>& value, Range range) {
  if (!value.has_value()) return absl::OkStatus();
  const double judged = AsFloat32(*value);
  const bool above =
      range.low_excluded ? judged > range.low : judged >= range.low;
  if (above && judged <= range.high) return absl::OkStatus();
  return FieldError(field, "out of range", absl::StrCat(*value),
                    absl::StrCat(range.low_excluded ? "above " : "", range.low,
                                 " to ", range.high));
}

absl::Status CheckInteger(const std::string& field,
                          const std::optional<int64_t>& value, int64_t low,
                          int64_t high) {
  if (!value.has_value() || (*value >= low && *value <= high)) {
    return absl::OkStatus();
  }
  return FieldError(field, "out of range", absl::StrCat(*value),
                    absl::StrCat(low, " to ", high));
}

absl::Status CheckStops(const SamplingParams& params, const FieldNames& names,
                        const Limits& limits) {
  RETURN_IF_ERROR(CheckCount(names.OfParam("stop"), params.stop.size(),
                             limits.max_stops, "stop strings"));
  for (size_t i = 0; i < params.stop.size(); ++i) {
    const std::string field = names.OfParam(absl::StrCat("stop[", i, "]"));
    const size_t bytes = params.stop[i].size();
    if (bytes == 0 || bytes > limits.max_stop_bytes) {
      return FieldError(field, "bad length", absl::StrCat(bytes, " bytes"),
                        absl::StrCat("1 to ", limits.max_stop_bytes));
    }
    RETURN_IF_ERROR(CheckUtf8(field, params.stop[i]));
  }
  return CheckCount(names.OfParam("stop_token_ids"),
                    params.stop_token_ids.size(), limits.max_stop_token_ids,
                    "ids");
}

absl::Status CheckStopTokenIds(const SamplingParams& params,
                               const FieldNames& names, int64_t end) {
  for (size_t i = 0; i < params.stop_token_ids.size(); ++i) {
    RETURN_IF_ERROR(
        CheckInteger(names.OfParam(absl::StrCat("stop_token_ids[", i, "]")),
                     params.stop_token_ids[i], 0, end - 1));
  }
  return absl::OkStatus();
}

absl::Status CheckParams(const SamplingParams& params, const FieldNames& names,
                         const Limits& limits) {
  RETURN_IF_ERROR(CheckReal(names.OfParam("temperature"), params.temperature,
                            {.low = 0, .high = 100}));
  RETURN_IF_ERROR(
      CheckInteger(names.OfParam("top_k"), params.top_k, 0, kMaxInt32));
  RETURN_IF_ERROR(CheckReal(names.OfParam("top_p"), params.top_p,
                            {.low = 0, .high = 1, .low_excluded = true}));
  RETURN_IF_ERROR(CheckReal(names.OfParam("repetition_penalty"),
                            params.repetition_penalty,
                            {.low = 0, .high = 100, .low_excluded = true}));
  RETURN_IF_ERROR(CheckInteger(names.OfParam("max_new_tokens"),
                               params.max_new_tokens, 1, kMaxInt32));
  RETURN_IF_ERROR(CheckInteger(names.OfParam("min_new_tokens"),
                               params.min_new_tokens, 0, kMaxInt32));
  RETURN_IF_ERROR(CheckStops(params, names, limits));
  return CheckStopTokenIds(params, names, kMaxInt32);
}

absl::Status CheckOptions(const RequestOptions& options, const Limits& limits) {
  const FieldNames& names = options.names;
  RETURN_IF_ERROR(
      CheckName(names.Of("model"), options.model, limits.max_name_bytes));
  RETURN_IF_ERROR(
      CheckName(names.Of("preset"), options.preset, limits.max_name_bytes));
  RETURN_IF_ERROR(CheckName(names.Of("request_id"), options.request_id,
                            limits.max_request_id_bytes));
  RETURN_IF_ERROR(CheckInteger(names.Of("queue_timeout_ms"),
                               options.queue_timeout_ms, 1,
                               limits.max_wait_ms));
  RETURN_IF_ERROR(CheckInteger(names.Of("first_token_timeout_ms"),
                               options.first_token_timeout_ms, 1,
                               limits.max_wait_ms));
  return CheckParams(options.params, names, limits);
}

}  // namespace

absl::Status Validate(const ChatRequest& request, const Limits& limits) {
  RETURN_IF_ERROR(CheckOptions(request.options, limits));
  return CheckChatPrompt(request, request.options.names, limits);
}

absl::Status Validate(const CompletionRequest& request, const Limits& limits) {
  RETURN_IF_ERROR(CheckOptions(request.options, limits));
  const std::string field = request.options.names.Of("prompt");
  if (request.prompt.empty()) {
    return FieldError(field, "is empty", "0 bytes", "1 or more");
  }
  return CheckUtf8(field, request.prompt);
}

absl::Status ValidateForModel(const SamplingParams& params,
                              const FieldNames& names,
                              const ModelLimits& limits) {
  RETURN_IF_ERROR(CheckInteger(names.OfParam("max_new_tokens"),
                               params.max_new_tokens, 1,
                               limits.context_length));
  RETURN_IF_ERROR(
      CheckInteger(names.OfParam("min_new_tokens"), params.min_new_tokens, 0,
                   params.max_new_tokens.value_or(limits.context_length)));
  return CheckStopTokenIds(params, names, limits.vocabulary_size);
}

absl::Status ValidatePromptTokens(std::string_view field, int64_t tokens,
                                  int64_t context_length) {
  if (tokens == 0) {
    return FieldError(field, "becomes no tokens", "0", "1 or more");
  }
  if (tokens < context_length) return absl::OkStatus();
  return WithReason(
      FieldError(
          field, "is longer than the context", absl::StrCat(tokens, " tokens"),
          absl::StrCat(context_length - 1, ", one less than the context of ",
                       context_length)),
      kReasonContextLengthExceeded);
}

}  // namespace sluice::gateway::api
