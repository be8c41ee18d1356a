#include "services/tokenizer/service/answer_format.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"

namespace sluice::tokenizer {
namespace {

constexpr char kTools[] =
    R"([{"type":"function","function":{"name":"sluice_probe",)"
    R"("description":"d","parameters":{"type":"object","properties":{}}}}])";
// How calls look without the white space that templates differ in.
constexpr std::string_view kTaggedCall =
    R"(<tool_call>{"name":"sluice_probe","arguments":{"probe_key":"v"}})"
    R"(</tool_call>)";
constexpr std::string_view kBareCall =
    R"({"name":"sluice_probe","parameters":{"probe_key":"v"}})";
constexpr std::string_view kFencedCall =
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>sluice_probe"
    "```json{\"probe_key\":\"v\"}```<｜tool▁call▁end｜>";
// Beside the bare call: what tells Llama-3 from others that print JSON.
constexpr std::string_view kPythonTag = "<|python_tag|>";

enum class CallForm { kNone, kTagged, kTight, kBare, kFenced };

ChatInput ProbeChat() {
  ChatMessage call{.role = "assistant"};
  call.tool_calls = {{.id = "call00001",
                      .name = "sluice_probe",
                      .arguments_json = R"({"probe_key":"v"})"}};
  ChatInput input;
  input.messages = {{.role = "user", .content = "Hi"}, call};
  return input;
}

// Nothing when the model's template refuses the chat.
std::optional<std::string> Rendered(const ChatRenderer& chat,
                                    const ChatInput& input) {
  const absl::StatusOr<RenderedChat> rendered = chat.Render(input);
  if (!rendered.ok()) return std::nullopt;
  return rendered->Text();
}

bool Holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool HasToken(const Vocabulary& vocabulary, std::string_view bytes) {
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.bytes(id) == bytes) return true;
  }
  return false;
}

CallForm FormOf(const std::string& text, const Vocabulary& vocabulary) {
  std::string dense = text;
  std::erase_if(dense, [](char c) { return absl::ascii_isspace(c); });
  if (Holds(dense, kTaggedCall)) {
    return Holds(text, "<tool_call>{") ? CallForm::kTight : CallForm::kTagged;
  }
  if (Holds(dense, kFencedCall)) return CallForm::kFenced;
  if (Holds(dense, kBareCall) && HasToken(vocabulary, kPythonTag)) {
    return CallForm::kBare;
  }
  return CallForm::kNone;
}

std::string FormatOf(CallForm form, bool thinks) {
  switch (form) {
    case CallForm::kTagged:
      return thinks ? "qwen3" : "hermes";
    case CallForm::kTight:
      return "youtu";
    case CallForm::kBare:
      return "llama3";
    case CallForm::kFenced:
      return "deepseek-r1";
    case CallForm::kNone:
      break;
  }
  return thinks ? "deepseek-r1" : "plain";
}

}  // namespace

AnswerHabits DetectAnswerHabits(const ChatRenderer& chat,
                                const std::vector<std::string>& sources,
                                const Vocabulary& vocabulary) {
  if (chat.template_names().empty()) return {};
  ChatInput input = ProbeChat();
  const std::optional<std::string> without = Rendered(chat, input);
  input.tools_json = kTools;
  const std::optional<std::string> with = Rendered(chat, input);
  const std::optional<std::string>& call = with.has_value() ? with : without;
  const bool thinks =
      std::any_of(sources.begin(), sources.end(), [](const std::string& text) {
        return Holds(text, "<think>") || Holds(text, "</think>");
      });
  const CallForm form =
      call.has_value() ? FormOf(*call, vocabulary) : CallForm::kNone;
  return {.format = FormatOf(form, thinks),
          .shows_tools = with.has_value() && with != without,
          .writes_calls = form != CallForm::kNone};
}

}  // namespace sluice::tokenizer
