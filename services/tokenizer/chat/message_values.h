#pragma once

// The messages of a chat as the values that templates read.

#include <string_view>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/chat_renderer.h"
#include "services/tokenizer/chat/jinja/value.h"

namespace sluice::tokenizer {

// What a template wants where models differ; learnt by trying at load.
struct TemplateHabits {
  // Shown tool arguments as text rather than as an object.
  bool arguments_as_text = false;
  // Knows a message whose content is none, as one that only calls tools.
  bool content_may_be_none = false;
};

// Names that templates read in a message, made once.
class MessageKeys {
 public:
  MessageKeys();
  jinja::Value operator[](std::string_view name) const;

 private:
  std::vector<jinja::SharedString> keys_;
};

// Every text is foreign, but for the roles that templates know: these become
// part of special tokens in some families.
// Errors: INVALID_ARGUMENT "messages[2].tool_calls[0].arguments_json: ...".
absl::StatusOr<jinja::Value> MessagesToValue(
    const std::vector<ChatMessage>& messages, const MessageKeys& keys,
    const TemplateHabits& habits, int max_json_depth);

}  // namespace sluice::tokenizer
