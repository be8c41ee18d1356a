#pragma once

// HTML escaping of the escape and safe filters (markupsafe).

#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer::jinja {

// & < > ' " become entities; a safe string stays as it is.
// REQUIRES: value.is_string().
Text EscapeHtml(const Value& value);
Text EscapeHtml(const Text& text);

}  // namespace sluice::tokenizer::jinja
