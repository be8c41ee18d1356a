#pragma once

// What every request for a prompt is checked for, however the prompt is made.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/tokenizer/chat/chat_renderer.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer {

// Errors: INVALID_ARGUMENT for no messages, too many, too many bytes.
absl::Status CheckChatSize(const ChatInput& input,
                           const ChatRendererOptions& options);

// The tools as a list, or none: templates ask whether tools are none, so an
// empty list must look like that.
// Errors: INVALID_ARGUMENT "tools_json: ...".
absl::StatusOr<jinja::Value> ParseTools(const std::string& json,
                                        const ChatRendererOptions& options);

// The further variables as a dict, or none.
// Errors: INVALID_ARGUMENT "template_kwargs_json: ...", also for a name that
// is not allowed.
absl::StatusOr<jinja::Value> ParseKwargs(const std::string& json,
                                         const ChatRendererOptions& options);

}  // namespace sluice::tokenizer
