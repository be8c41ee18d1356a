#pragma once

// Bodies of the OpenAI routes. Sampling parameters of ours are taken as well.
// These fields are taken and ignored, because they change nothing here:
// user, metadata, store, service_tier, safety_identifier, prompt_cache_key,
// parallel_tool_calls. Abilities that are not here yet are taken in the form
// that asks for nothing (n 1, logprobs false, presence_penalty 0, ...) and
// refused by name otherwise, as is every other field.

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "services/gateway/api/request.h"

namespace sluice::gateway {

struct StreamWish {
  bool stream = false;
  bool include_usage = false;
};

struct OpenAiChat {
  api::ChatRequest request;
  StreamWish wish;
};

struct OpenAiCompletion {
  api::CompletionRequest request;
  StreamWish wish;
};

// Errors: INVALID_ARGUMENT naming the field. Threads: any (pure).
// REQUIRES: body.is_object().
absl::StatusOr<OpenAiChat> ParseOpenAiChat(const nlohmann::json& body);
absl::StatusOr<OpenAiCompletion> ParseOpenAiCompletion(
    const nlohmann::json& body);

}  // namespace sluice::gateway
