#include "services/tokenizer/chat/id_prompt.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/chat/chat_checks.h"

namespace sluice::tokenizer {
namespace {

constexpr int64_t kMaxId = (1 << 24) - 1;
// Of ChatGLM2 and ChatGLM3; later models of that type have other tokenizers.
constexpr int64_t kChatGlmVocabulary = 65024;

// These ids follow the 64,789 pieces of the model's tokenizer.
IdPromptRules ChatGlm3Rules() {
  const ShownId observation = {64797, "<|observation|>"};
  return {.start = {{64790, "[gMASK]"}, {64792, "sop"}},
          .roles = {{"system", {64794, "<|system|>"}},
                    {"user", {64795, "<|user|>"}},
                    {"assistant", {64796, "<|assistant|>"}},
                    {"observation", observation},
                    {"tool", observation}},
          .after_role = "\n",
          .generation = {64796, "<|assistant|>"}};
}

IdPromptRules BaichuanRules(int32_t user, int32_t assistant) {
  const ShownId answer = {assistant, "<assistant_token>"};
  return {.roles = {{"user", {user, "<user_token>"}}, {"assistant", answer}},
          .bare_system = true,
          .generation = answer,
          .continues_assistant = true};
}

// Nothing when there is no such file.
absl::StatusOr<std::optional<JsonDocument>> ReadIfThere(const std::string& path,
                                                        int64_t max_bytes) {
  absl::StatusOr<JsonDocument> document = JsonDocument::ReadFile(
      path, {.max_bytes = static_cast<size_t>(max_bytes)});
  if (absl::IsNotFound(document.status())) return std::nullopt;
  RETURN_IF_ERROR(document.status());
  return std::optional<JsonDocument>(*std::move(document));
}

absl::StatusOr<std::optional<IdPromptRules>> ReadBaichuan(
    const std::string& directory, int64_t max_file_bytes) {
  ASSIGN_OR_RETURN(
      const std::optional<JsonDocument> generation,
      ReadIfThere(directory + "/generation_config.json", max_file_bytes));
  if (!generation.has_value()) return std::nullopt;
  const JsonValue root = generation->root();
  // Base models have no such ids.
  if (!root.Find("user_token_id").has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const int64_t user, root.GetInt("user_token_id", 0, kMaxId));
  ASSIGN_OR_RETURN(const int64_t assistant,
                   root.GetInt("assistant_token_id", 0, kMaxId));
  return BaichuanRules(static_cast<int32_t>(user),
                       static_cast<int32_t>(assistant));
}

class IdPromptRenderer final : public ChatRenderer {
 public:
  IdPromptRenderer(const IdPromptRules& rules,
                   const ChatRendererOptions& options)
      : rules_(rules), options_(options) {}

  bool has_template() const override { return true; }
  std::vector<std::string> template_names() const override { return {}; }

  absl::StatusOr<RenderedChat> Render(const ChatInput& input) const override {
    RETURN_IF_ERROR(CheckChatSize(input, options_));
    ASSIGN_OR_RETURN(const jinja::Value tools,
                     ParseTools(input.tools_json, options_));
    if (!tools.is_none()) {
      return absl::InvalidArgumentError(
          "tools_json: this model's prompt has no place for tools");
    }
    RETURN_IF_ERROR(ParseKwargs(input.kwargs_json, options_).status());
    if (!input.template_name.empty()) {
      return absl::InvalidArgumentError(
          "template_name: this model's prompt is built without a template");
    }
    RenderedChat chat{.texts_stand_alone = true};
    for (const ShownId& id : rules_.start) AddId(id, chat);
    for (size_t i = 0; i < input.messages.size(); ++i) {
      RETURN_IF_ERROR(Add(input.messages[i], i, chat));
    }
    const bool goes_on =
        rules_.continues_assistant && input.messages.back().role == "assistant";
    if (input.add_generation_prompt && !goes_on) AddId(rules_.generation, chat);
    return chat;
  }

 private:
  static void AddId(const ShownId& id, RenderedChat& chat) {
    chat.segments.push_back({.text = id.shown, .literal = true, .id = id.id});
  }

  static void AddText(const std::string& text, bool literal,
                      RenderedChat& chat) {
    if (text.empty()) return;
    chat.segments.push_back({.text = text, .literal = literal});
  }

  absl::Status Add(const ChatMessage& message, size_t index,
                   RenderedChat& chat) const {
    const std::string field = absl::StrCat("messages[", index, "]");
    const std::string content = message.content.value_or("");
    if (InvalidUtf8Offset(content).has_value()) {
      return absl::InvalidArgumentError(field + ".content: not valid UTF-8");
    }
    if (!message.tool_calls.empty()) {
      return absl::InvalidArgumentError(
          field + ".tool_calls: this model's prompt has no place for them");
    }
    RETURN_IF_ERROR(AddRole(message.role, index, chat));
    AddText(content, /*literal=*/false, chat);
    return absl::OkStatus();
  }

  absl::Status AddRole(const std::string& role, size_t index,
                       RenderedChat& chat) const {
    if (rules_.bare_system && role == "system" && index == 0) {
      return absl::OkStatus();
    }
    const auto found = std::find_if(
        rules_.roles.begin(), rules_.roles.end(),
        [&role](const auto& known) { return known.first == role; });
    if (found == rules_.roles.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("messages[", index,
                       "].role: this model's prompt has no place for it here"));
    }
    AddId(found->second, chat);
    AddText(rules_.after_role, /*literal=*/true, chat);
    return absl::OkStatus();
  }

  const IdPromptRules rules_;
  const ChatRendererOptions options_;
};

}  // namespace

absl::StatusOr<std::optional<IdPromptRules>> ReadIdPromptRules(
    const std::string& directory, const TemplateFiles& files,
    int64_t max_file_bytes) {
  ASSIGN_OR_RETURN(const std::optional<JsonDocument> config,
                   ReadIfThere(directory + "/config.json", max_file_bytes));
  if (!config.has_value()) return std::nullopt;
  const JsonValue root = config->root();
  ASSIGN_OR_RETURN(const std::string_view type,
                   root.GetStringOr("model_type", ""));
  if (type == "baichuan" && files.templates.empty()) {
    return ReadBaichuan(directory, max_file_bytes);
  }
  // ChatGLM2, which has no roles, has the same vocabulary but no template.
  if (type != "chatglm" || files.source != "tokenizer_config.json") {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const int64_t vocabulary,
                   root.GetIntOr("padded_vocab_size", 0, 0, kMaxId));
  if (vocabulary != kChatGlmVocabulary) return std::nullopt;
  return ChatGlm3Rules();
}

std::unique_ptr<ChatRenderer> MakeIdPromptRenderer(
    const IdPromptRules& rules, const ChatRendererOptions& options) {
  return std::make_unique<IdPromptRenderer>(rules, options);
}

}  // namespace sluice::tokenizer
