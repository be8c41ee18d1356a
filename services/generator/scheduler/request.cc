#include "services/generator/scheduler/request.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"

namespace sluice::generator {
namespace {

absl::Status CheckIdentity(const RequestFields& fields) {
  if (fields.request_id.empty() ||
      fields.request_id.size() > kMaxRequestIdBytes) {
    return FieldError("request_id", "length out of range",
                      absl::StrCat(fields.request_id.size(), " bytes"),
                      absl::StrCat("1 to ", kMaxRequestIdBytes, " bytes"));
  }
  if (fields.attempt < 1) {
    return FieldError("attempt", "out of range", absl::StrCat(fields.attempt),
                      "at least 1");
  }
  if (fields.tenant.size() > kMaxTenantBytes) {
    return FieldError("tenant", "too long",
                      absl::StrCat(fields.tenant.size(), " bytes"),
                      absl::StrCat(kMaxTenantBytes, " bytes"));
  }
  if (fields.n < 1 || fields.n > kMaxSequences) {
    return FieldError("n", "out of range", absl::StrCat(fields.n),
                      absl::StrCat("1 to ", kMaxSequences));
  }
  return absl::OkStatus();
}

absl::Status CheckTimeout(std::string_view field,
                          const std::optional<int32_t>& timeout_ms) {
  const int32_t got = timeout_ms.value_or(1);
  if (got >= 1 && got <= kMaxTimeoutMs) return absl::OkStatus();
  return FieldError(field, "out of range", absl::StrCat(got),
                    absl::StrCat("1 to ", kMaxTimeoutMs));
}

absl::Status CheckTimeouts(const RequestFields& fields) {
  RETURN_IF_ERROR(CheckTimeout("queue_timeout_ms", fields.queue_timeout_ms));
  return CheckTimeout("first_token_timeout_ms", fields.first_token_timeout_ms);
}

absl::Status CheckIds(std::string_view field, const std::vector<int32_t>& ids,
                      int32_t vocabulary_size) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocabulary_size) continue;
    return FieldError(std::string(field) + "[" + std::to_string(i) + "]",
                      "no such id", absl::StrCat(ids[i]),
                      absl::StrCat("0 to ", vocabulary_size - 1));
  }
  return absl::OkStatus();
}

absl::Status CheckPrompt(const RequestFields& fields,
                         const RequestLimits& limits) {
  if (fields.prompt_ids.empty()) {
    return FieldError("prompt_ids", "empty", "0 tokens", "at least 1 token");
  }
  const size_t most = static_cast<size_t>(limits.context_length) - 1;
  if (fields.prompt_ids.size() > most) {
    return WithReason(
        FieldError("prompt_ids", "too long for the context",
                   absl::StrCat(fields.prompt_ids.size(), " tokens"),
                   absl::StrCat(most, " tokens")),
        kReasonContextLengthExceeded);
  }
  const int32_t public_tokens = fields.public_prefix_tokens;
  if (public_tokens < 0 ||
      static_cast<size_t>(public_tokens) > fields.prompt_ids.size()) {
    return FieldError("public_prefix_tokens", "out of range",
                      absl::StrCat(public_tokens),
                      absl::StrCat("0 to ", fields.prompt_ids.size()));
  }
  return CheckIds("prompt_ids", fields.prompt_ids, limits.vocabulary_size);
}

absl::StatusOr<std::vector<std::vector<int32_t>>> TakeResumed(
    RequestFields& fields, int32_t vocabulary_size, int32_t max_new_tokens) {
  std::vector<std::vector<int32_t>> resumed(fields.n);
  std::vector<bool> given(fields.n, false);
  for (size_t i = 0; i < fields.resumed.size(); ++i) {
    ResumedIds& one = fields.resumed[i];
    const std::string field = absl::StrCat("resumed[", i, "]");
    if (one.index < 0 || one.index >= fields.n) {
      return FieldError(field + ".index", "no such sequence",
                        absl::StrCat(one.index),
                        absl::StrCat("0 to ", fields.n - 1));
    }
    if (given[one.index]) {
      return FieldError(field + ".index", "given twice",
                        absl::StrCat(one.index), "once");
    }
    given[one.index] = true;
    if (one.ids.size() > static_cast<size_t>(max_new_tokens)) {
      return FieldError(field + ".ids", "more than max_new_tokens",
                        absl::StrCat(one.ids.size(), " ids"),
                        absl::StrCat(max_new_tokens, " ids"));
    }
    RETURN_IF_ERROR(CheckIds(field + ".ids", one.ids, vocabulary_size));
    resumed[one.index] = std::move(one.ids);
  }
  fields.resumed.clear();
  return resumed;
}

}  // namespace

absl::StatusOr<Request> Request::Create(RequestFields fields,
                                        const RequestLimits& limits) {
  RETURN_IF_ERROR(CheckIdentity(fields));
  RETURN_IF_ERROR(CheckTimeouts(fields));
  RETURN_IF_ERROR(CheckPrompt(fields, limits));
  Request request;
  ASSIGN_OR_RETURN(
      request.params_,
      ResolveParams(
          fields.params, limits.defaults,
          {.context_length = limits.context_length,
           .vocabulary_size = limits.vocabulary_size,
           .prompt_tokens = static_cast<int32_t>(fields.prompt_ids.size()),
           .drawn_seed = fields.drawn_seed}));
  const SamplingParams& params = request.params_;
  ASSIGN_OR_RETURN(request.resumed_, TakeResumed(fields, limits.vocabulary_size,
                                                 params.max_new_tokens));
  for (int32_t id : limits.eos_ids) {
    if (id >= 0 && id < limits.vocabulary_size) request.eos_ids_.push_back(id);
  }
  request.stop_rules_ = std::make_shared<StopRules>(
      params.stop, params.stop_token_ids,
      params.ignore_eos ? std::vector<int32_t>{} : request.eos_ids_,
      params.max_new_tokens);
  request.fields_ = std::move(fields);
  return request;
}

}  // namespace sluice::generator
