#pragma once

// HTML escaping of the escape and safe filters (markupsafe).

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/text.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// & < > ' " become entities.
// Errors: RESOURCE_EXHAUSTED.
absl::StatusOr<Text> EscapeHtml(const Text& text, Budget& budget);
// Leaves safe strings alone. REQUIRES: value.is_string().
absl::StatusOr<Text> EscapeHtml(const Value& value, Budget& budget);

}  // namespace sluice::tokenizer::jinja
