#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "services/gateway/api/request.h"

namespace sluice::gateway {

// The body of POST /chat and /chat_stream: prompt or messages, preset
// ("balanced" when none is named), any sampling parameter (max_tokens and
// stop_sequence are other names of max_new_tokens and stop).
// Errors: INVALID_ARGUMENT naming the field. Threads: any (pure).
// REQUIRES: body.is_object().
absl::StatusOr<api::ChatRequest> ParseNativeChat(const nlohmann::json& body);

}  // namespace sluice::gateway
