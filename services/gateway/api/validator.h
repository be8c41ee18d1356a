#pragma once

// The one judge of requests, for both faces. Its errors are INVALID_ARGUMENT
// "field: what, got, limit" with the field's name as the client wrote it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/gateway/api/limits.h"
#include "services/gateway/api/request.h"
#include "services/gateway/api/text_checks.h"

namespace sluice::gateway::api {

// What a model allows; known only once one has been picked.
struct ModelLimits {
  int64_t context_length = 0;
  int64_t vocabulary_size = 0;
};

// Everything that can be judged without a model.
// Threads: any (pure).
absl::Status Validate(const ChatRequest& request, const Limits& limits = {});
absl::Status Validate(const CompletionRequest& request,
                      const Limits& limits = {});

// The rest, on the complete parameters: max_new_tokens within the context,
// min_new_tokens within max_new_tokens, stop ids within the vocabulary.
absl::Status ValidateForModel(const SamplingParams& params,
                              const FieldNames& names,
                              const ModelLimits& limits);

// INVALID_ARGUMENT, with reason CONTEXT_LENGTH_EXCEEDED when the prompt does
// not leave room for one token. `field` is the prompt's name.
absl::Status ValidatePromptTokens(std::string_view field, int64_t tokens,
                                  int64_t context_length);

}  // namespace sluice::gateway::api
