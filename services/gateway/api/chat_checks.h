#pragma once

// Judges what the prompt of a chat is made of. Threads: any (pure).

#include "absl/status/status.h"
#include "services/gateway/api/field_names.h"
#include "services/gateway/api/limits.h"
#include "services/gateway/api/request.h"

namespace sluice::gateway::api {

// Errors: INVALID_ARGUMENT "field: what, got, limit".
absl::Status CheckChatPrompt(const ChatPrompt& prompt, const FieldNames& names,
                             const Limits& limits);

// Whether there is a tool to call; "[]" has none. REQUIRES: valid tools.
bool OffersTools(const ChatPrompt& prompt);

}  // namespace sluice::gateway::api
