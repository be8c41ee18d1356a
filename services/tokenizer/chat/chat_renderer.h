#pragma once

// Chat messages -> the text of a prompt, by the model's own chat template
// (Jinja as Hugging Face transformers renders it).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/civil_time.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/segment.h"

namespace sluice::tokenizer {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments_json;  // a JSON object as text
};

struct ChatMessage {
  std::string role;
  std::optional<std::string> content = {};
  std::optional<std::string> name = {};
  std::vector<ToolCall> tool_calls = {};
  std::optional<std::string> tool_call_id = {};
  std::optional<std::string> reasoning_content = {};
};

struct ChatInput {
  std::vector<ChatMessage> messages;
  bool add_generation_prompt = true;
  // A JSON array as text; empty or "[]" means none.
  std::string tools_json = {};
  // A JSON object as text; empty means none.
  std::string kwargs_json = {};
  // One of template_names(). Empty: "tool_use" for a chat with tools where
  // there is one, else "default".
  std::string template_name = {};
};

struct ChatRendererOptions {
  int max_messages = 1024;
  int64_t max_input_bytes = 4 << 20;  // all texts of one chat together
  int max_json_depth = 32;            // tools, arguments and kwargs
  int64_t max_file_bytes = 4 << 20;   // each file that is read at load
  jinja::Limits template_limits;
  // Names that a request's kwargs may set.
  std::vector<std::string> allowed_kwargs = {"enable_thinking",
                                             "thinking",
                                             "forced_thinking",
                                             "reasoning_effort",
                                             "date_string",
                                             "builtin_tools",
                                             "documents",
                                             "xml_tools",
                                             "python_tools",
                                             "model_identity",
                                             "tools_in_user_message"};
  std::function<CivilTime()> local_time = LocalCivilTime;
};

// Threads: any (immutable after construction).
class ChatRenderer {
 public:
  // Reads the template and the special token variables of a model directory;
  // see template_files.h for where they stand. A template that does not parse
  // is an error only where it is used, but for "default" and "tool_use". Some
  // models have a prompt that is built from ids instead (id_prompt.h). A
  // directory with neither loads; has_template() is then false. Errors:
  // INVALID_ARGUMENT "file: what, got, limit" (not JSON, not UTF-8, a template
  // that does not parse or cannot render one message within limits).
  static absl::StatusOr<std::unique_ptr<ChatRenderer>> FromDirectory(
      const std::string& directory, const ChatRendererOptions& options = {});

  virtual ~ChatRenderer() = default;

  virtual bool has_template() const = 0;
  // In the order of the file; none where the prompt is built from ids.
  virtual std::vector<std::string> template_names() const = 0;

  // Errors: FAILED_PRECONDITION (no template), INVALID_ARGUMENT (no messages,
  // bad JSON, an unknown kwarg, not UTF-8, what the template raised, a limit).
  virtual absl::StatusOr<RenderedChat> Render(const ChatInput& input) const = 0;
};

}  // namespace sluice::tokenizer
