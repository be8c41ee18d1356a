#include "services/tokenizer/chat/chat_renderer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/tokenizer/chat/chat_checks.h"
#include "services/tokenizer/chat/id_prompt.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/template.h"
#include "services/tokenizer/chat/message_values.h"
#include "services/tokenizer/chat/template_files.h"

namespace sluice::tokenizer {
namespace {

using jinja::Context;
using jinja::Template;
using jinja::Value;

RenderedChat ToRenderedChat(const jinja::Text& text) {
  RenderedChat chat;
  for (const jinja::TextRun& run : text.Runs()) {
    chat.segments.push_back(
        {.text = std::string(run.bytes), .literal = !run.foreign});
  }
  return chat;
}

class TemplateRenderer final : public ChatRenderer {
 public:
  explicit TemplateRenderer(const ChatRendererOptions& options)
      : options_(options) {}

  absl::Status Load(const TemplateFiles& files) {
    for (const auto& [name, source] : files.templates) {
      RETURN_IF_ERROR(Parse(files.source, name, source));
    }
    for (const auto& [name, text] : files.special_tokens) {
      special_tokens_.emplace_back(name, jinja::SharedString(text));
    }
    for (const std::string& text : files.additional_special_tokens) {
      additional_tokens_.emplace_back(text);
    }
    if (!has_template()) return absl::OkStatus();
    const absl::Status usable = LearnHabits();
    if (usable.ok()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        files.source, ": cannot render one short message: ", usable.message()));
  }

  bool has_template() const override { return Find("default") != nullptr; }

  std::vector<std::string> template_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, parsed] : templates_) names.push_back(name);
    return names;
  }

  absl::StatusOr<RenderedChat> Render(const ChatInput& input) const override {
    if (!has_template()) {
      return absl::FailedPreconditionError(
          "model: it has no chat template; send a text to complete instead");
    }
    RETURN_IF_ERROR(CheckChatSize(input, options_));
    ASSIGN_OR_RETURN(const Value tools, ParseTools(input.tools_json, options_));
    ASSIGN_OR_RETURN(const Value kwargs,
                     ParseKwargs(input.kwargs_json, options_));
    ASSIGN_OR_RETURN(Value messages,
                     MessagesToValue(input.messages, keys_, habits_,
                                     options_.max_json_depth));
    Context context = BaseContext();
    context.emplace_back("messages", std::move(messages));
    context.emplace_back("tools", tools);
    context.emplace_back("add_generation_prompt",
                         Value::Bool(input.add_generation_prompt));
    if (kwargs.is(jinja::Kind::kDict)) {
      for (const auto& [name, value] : kwargs.dict().entries()) {
        context.emplace_back(name.bytes(), value);
      }
    }
    ASSIGN_OR_RETURN(const Template* chosen,
                     TemplateFor(input.template_name, tools));
    absl::StatusOr<jinja::Text> text = chosen->Render(context);
    if (text.ok()) return ToRenderedChat(*text);
    return absl::InvalidArgumentError(absl::StrCat(
        "messages: the chat template refuses them: ", text.status().message()));
  }

 private:
  using Parsed = absl::StatusOr<std::unique_ptr<const Template>>;

  absl::Status Parse(const std::string& file, const std::string& name,
                     const std::string& source) {
    jinja::TemplateOptions options;
    options.limits = options_.template_limits;
    options.environment.local_time = options_.local_time;
    Parsed parsed = Template::Parse(source, options);
    if (!parsed.ok() && (name == "default" || name == "tool_use")) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": chat_template: ", parsed.status().message()));
    }
    std::erase_if(templates_, [&name](const auto& known) {
      return known.first == name;  // as in Hugging Face, the last one counts
    });
    templates_.emplace_back(name, std::move(parsed));
    return absl::OkStatus();
  }

  const Parsed* Find(std::string_view name) const {
    for (const auto& [known, parsed] : templates_) {
      if (known == name) return &parsed;
    }
    return nullptr;
  }

  // Errors: INVALID_ARGUMENT (no such template), UNIMPLEMENTED (it does not
  // parse). REQUIRES: has_template().
  absl::StatusOr<const Template*> TemplateFor(const std::string& name,
                                              const Value& tools) const {
    const Parsed* chosen = Find(name);
    if (name.empty()) {
      if (!tools.is_none()) chosen = Find("tool_use");
      if (chosen == nullptr) chosen = Find("default");
    }
    if (chosen == nullptr) {
      return FieldError("template_name", "the model has no such template",
                        "\"" + name + "\"",
                        absl::StrJoin(template_names(), ", "));
    }
    if (chosen->ok()) return (*chosen)->get();
    return absl::UnimplementedError(
        absl::StrCat("template_name: ", name,
                     ": it does not parse: ", chosen->status().message()));
  }

  // Variables that do not depend on the request.
  Context BaseContext() const {
    Context context;
    for (const auto& [name, token] : special_tokens_) {
      context.emplace_back(name, token.value());
    }
    std::vector<Value> additional;
    for (const jinja::SharedString& token : additional_tokens_) {
      additional.push_back(token.value());
    }
    if (!additional.empty()) {
      absl::StatusOr<Value> list = jinja::MakeList(std::move(additional));
      if (list.ok()) {
        context.emplace_back("additional_special_tokens", *std::move(list));
      }
    }
    context.emplace_back("documents", Value::None());
    return context;
  }

  // Models differ in how they take tool calls; trying is the one sure way to
  // know. Errors: a template that passes its limits on so small a chat.
  absl::Status LearnHabits() {
    ChatInput plain;
    plain.messages = {{.role = "user", .content = "Hi"}};
    RETURN_IF_ERROR(Try(plain).second);

    ChatInput call;
    call.tools_json =
        R"([{"type":"function","function":{"name":"probe","description":"d",)"
        R"("parameters":{"type":"object","properties":{}}}}])";
    ChatMessage assistant{.role = "assistant", .content = ""};
    assistant.tool_calls = {
        {.id = "call00001", .name = "probe", .arguments_json = kProbe}};
    call.messages = {{.role = "user", .content = "Hi"}, assistant};
    const auto as_object = Try(call);
    RETURN_IF_ERROR(as_object.second);
    // An object that is printed without tojson looks like Python.
    if (!as_object.first.has_value() ||
        as_object.first->find("{'probe_key'") != std::string::npos) {
      habits_.arguments_as_text = true;
      const auto as_text = Try(call);
      RETURN_IF_ERROR(as_text.second);
      habits_.arguments_as_text = as_text.first.has_value();
    }
    call.messages[1].content.reset();
    habits_.content_may_be_none = true;
    const auto none = Try(call);
    RETURN_IF_ERROR(none.second);
    habits_.content_may_be_none =
        none.first.has_value() && none.first->find("None") == std::string::npos;
    return absl::OkStatus();
  }

  // The text, if the template takes the chat; an error only for a limit.
  std::pair<std::optional<std::string>, absl::Status> Try(
      const ChatInput& input) const {
    absl::StatusOr<Value> tools = ParseTools(input.tools_json, options_);
    absl::StatusOr<Value> messages = MessagesToValue(
        input.messages, keys_, habits_, options_.max_json_depth);
    if (!tools.ok()) return {std::nullopt, tools.status()};
    if (!messages.ok()) return {std::nullopt, messages.status()};
    Context context = BaseContext();
    context.emplace_back("messages", *std::move(messages));
    context.emplace_back("tools", *tools);
    context.emplace_back("add_generation_prompt", Value::Bool(true));
    const absl::StatusOr<const Template*> chosen = TemplateFor("", *tools);
    if (!chosen.ok()) return {std::nullopt, chosen.status()};
    absl::StatusOr<jinja::Text> text = (*chosen)->Render(context);
    if (text.ok()) return {text->bytes(), absl::OkStatus()};
    if (absl::IsResourceExhausted(text.status())) {
      return {std::nullopt, text.status()};
    }
    return {std::nullopt, absl::OkStatus()};
  }

  static constexpr char kProbe[] = R"({"probe_key":"v"})";

  const ChatRendererOptions options_;
  const MessageKeys keys_;
  TemplateHabits habits_;
  std::vector<std::pair<std::string, Parsed>> templates_;
  std::vector<std::pair<std::string, jinja::SharedString>> special_tokens_;
  std::vector<jinja::SharedString> additional_tokens_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ChatRenderer>> ChatRenderer::FromDirectory(
    const std::string& directory, const ChatRendererOptions& options) {
  ASSIGN_OR_RETURN(const TemplateFiles files,
                   ReadTemplateFiles(directory, options.max_file_bytes));
  ASSIGN_OR_RETURN(const std::optional<IdPromptRules> rules,
                   ReadIdPromptRules(directory, files, options.max_file_bytes));
  if (rules.has_value()) return MakeIdPromptRenderer(*rules, options);
  auto renderer = std::make_unique<TemplateRenderer>(options);
  RETURN_IF_ERROR(renderer->Load(files));
  return renderer;
}

}  // namespace sluice::tokenizer
