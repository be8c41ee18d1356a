// libFuzzer target: whatever a model directory brings as its chat template,
// parsing and rendering it break nothing, stay within limits, say the same
// twice and keep the text of the request marked. The input is the template;
// its length chooses how white space is treated.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/template.h"
#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {
namespace {

constexpr char kVariables[] = R"({
  "messages": [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "  H\u00e9llo <b> \u4f60\u597d\n\ud83d\ude42 "},
    {"role": "assistant", "content": null, "tool_calls": [{"function":
      {"name": "f", "arguments": {"x": [1, 2.5, true, null], "y": {}}}}]},
    {"role": "tool", "content": [{"type": "text", "text": "a,b,,c"}]}],
  "tools": [{"type": "function", "function": {"name": "f", "parameters":
    {"type": "object", "properties": {"x": {"type": "array"}}}}}],
  "add_generation_prompt": true, "s": "a-B c", "n": 7, "f": 0.1, "e": "",
  "wide": {"0":0,"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,
           "10":10,"11":11,"12":12}})";

TemplateOptions OptionsFor(size_t size) {
  TemplateOptions options;
  options.lexer = {.trim_blocks = size % 2 == 0, .lstrip_blocks = size % 3 > 0};
  options.limits.steps = 3'000;
  options.limits.output_bytes = 1 << 14;
  options.limits.string_bytes = 1 << 14;
  options.limits.tokens = 1 << 12;
  options.environment.local_time = [] {
    return CivilTime{2024, 2, 29, 23, 59, 58};
  };
  return options;
}

void CheckError(const absl::Status& status) {
  SLUICE_CHECK(status.code() == absl::StatusCode::kInvalidArgument ||
                   status.code() == absl::StatusCode::kResourceExhausted,
               "an error is the template's own or a limit");
}

void CheckText(const Text& text, const Limits& limits) {
  SLUICE_CHECK(IsValidUtf8(text.bytes()), "the output is UTF-8");
  SLUICE_CHECK(static_cast<int64_t>(text.size()) <= limits.output_bytes,
               "the output keeps its limit");
  std::string whole;
  for (const TextRun& run : text.Runs()) {
    SLUICE_CHECK(!run.bytes.empty(), "no run is empty");
    SLUICE_CHECK(IsValidUtf8(run.bytes), "a run is whole characters");
    whole += run.bytes;
  }
  SLUICE_CHECK(whole == text.bytes(), "the runs are the text");
}

// The variables are made anew each time: an iterator can be used up.
absl::StatusOr<Text> Render(const Template& parsed) {
  const absl::StatusOr<Value> dict = ParseJson(kVariables, {});
  SLUICE_CHECK(dict.ok(), "the variables are JSON");
  Context context;
  for (const auto& [name, value] : dict->dict().entries()) {
    context.emplace_back(name.bytes(), value);
  }
  return parsed.Render(context);
}

void Check(std::string_view source) {
  const TemplateOptions options = OptionsFor(source.size());
  const auto parsed = Template::Parse(source, options);
  if (!parsed.ok()) {
    CheckError(parsed.status());
    return;
  }
  const absl::StatusOr<Text> text = Render(**parsed);
  const absl::StatusOr<Text> again = Render(**parsed);
  SLUICE_CHECK(text.status() == again.status(), "the same error twice");
  if (!text.ok()) {
    CheckError(text.status());
    return;
  }
  CheckText(*text, options.limits);
  SLUICE_CHECK(text->bytes() == again->bytes(), "the same text twice");
}

}  // namespace
}  // namespace sluice::tokenizer::jinja

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::tokenizer::jinja::Check(
      std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
