#pragma once

// What a model directory says about rendering chats: the template's source and
// the special tokens that it may name.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::tokenizer {

struct TemplateFiles {
  // The template by name: "default" and, for some models, "tool_use" and
  // others. Empty when the directory has none.
  std::vector<std::pair<std::string, std::string>> templates;
  // The file that they are from.
  std::string source;
  // bos_token, eos_token, ... as the tokenizer names them.
  std::vector<std::pair<std::string, std::string>> special_tokens;
  std::vector<std::string> additional_special_tokens;
};

// Reads the first of these that there is: chat_template.jinja; chat_template of
// tokenizer_config.json (a string, or a list of named ones); chat_template of
// chat_template.json; tokenizer.chat_template of the only GGUF file. Templates
// of additional_chat_templates/NAME.jinja, 64 at most, come on top. Special
// tokens are those of tokenizer_config.json, then special_tokens_map.json, then
// of the GGUF file where the template is from there.
// Errors: INVALID_ARGUMENT "file: what, got, limit".
absl::StatusOr<TemplateFiles> ReadTemplateFiles(const std::string& directory,
                                                int64_t max_file_bytes);

}  // namespace sluice::tokenizer
