#pragma once

// Prompts that are put together from ids, for models that were trained on ids
// which no text encodes to: ChatGLM3 and the Baichuan chat models.
// Source: build_chat_input of the two model repositories.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/chat_renderer.h"
#include "services/tokenizer/chat/template_files.h"

namespace sluice::tokenizer {

// An id and how it is shown.
struct ShownId {
  int32_t id = 0;
  std::string shown;
};

struct IdPromptRules {
  std::vector<ShownId> start = {};  // before everything
  // What a message begins with, by its role.
  std::vector<std::pair<std::string, ShownId>> roles = {};
  std::string after_role = {};  // a text of its own between role and content
  // A first system message without an id of its own.
  bool bare_system = false;
  ShownId generation = {};  // what the answer begins with
  // An assistant message at the end is gone on with, not answered.
  bool continues_assistant = false;
};

// Nothing for models that have a template or no chat form at all. The text
// template that ChatGLM3 publishes is not what it was trained on and gives way;
// a chat_template.jinja wins. Baichuan models say their ids in
// generation_config.json.
// Errors: INVALID_ARGUMENT for files that are not what they should be.
absl::StatusOr<std::optional<IdPromptRules>> ReadIdPromptRules(
    const std::string& directory, const TemplateFiles& files,
    int64_t max_file_bytes);

// Its Render refuses tools and tool calls (INVALID_ARGUMENT): these models have
// no published form for them that a request could say.
std::unique_ptr<ChatRenderer> MakeIdPromptRenderer(
    const IdPromptRules& rules, const ChatRendererOptions& options);

}  // namespace sluice::tokenizer
