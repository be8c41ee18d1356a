#pragma once

// The one judge of requests, for both faces. Its errors are INVALID_ARGUMENT
// "field: what, got, limit" with the field's name as the client wrote it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/gateway/api/request.h"

namespace sluice::gateway::api {

struct Limits {
  size_t max_messages = 1024;
  size_t max_stops = 16;
  size_t max_stop_bytes = 128;
  size_t max_stop_token_ids = 64;
  size_t max_name_bytes = 256;  // model and preset
  size_t max_request_id_bytes = 128;
  int64_t max_wait_ms = 86'400'000;  // queue and first-token timeouts
};

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

// At most 40 bytes of a client's text for an error message, in quotes, with
// everything unprintable escaped.
std::string Quoted(std::string_view text);
}  // namespace sluice::gateway::api
