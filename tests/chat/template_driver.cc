// Reads and renders chat templates for checks written in Python: one JSON
// request a line on stdin, one JSON answer a line on stdout. The expected
// answers stay on the other side. A request is one of
//   {"source", "variables", "now", "trim"}              -> {"text"}
//   {"source", "variables", "now", "trim", "renders"}   -> {"text", "seconds"}
//   {"directory"}                                       -> {"has_template"}

#include <time.h>

#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/json_quote.h"
#include "common/base/status_macros.h"
#include "common/modelfiles/json.h"
#include "services/tokenizer/chat/chat_renderer.h"
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/template.h"

namespace sluice::tokenizer::jinja {
namespace {

constexpr int kMaxDepth = 64;  // of the variables; goldens nest deeper than 32
constexpr int64_t kMaxRenders = 1'000'000;

double CpuSeconds() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// Year, month, day, hour, minute, second.
absl::StatusOr<CivilTime> TimeOf(const JsonValue& request) {
  ASSIGN_OR_RETURN(const JsonValue list, request.Get("now"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> parts, list.AsInts(0, 9999));
  if (parts.size() != 6) return list.Error("must have six numbers");
  const std::vector<int> p(parts.begin(), parts.end());
  return CivilTime{p[0], p[1], p[2], p[3], p[4], p[5]};
}

// The variables come as JSON text, so that the reader under test reads them.
absl::StatusOr<Context> ContextOf(const JsonValue& request) {
  ASSIGN_OR_RETURN(const std::string_view variables,
                   request.GetString("variables"));
  ASSIGN_OR_RETURN(const Value dict,
                   ParseJson(variables, {.max_depth = kMaxDepth}));
  if (!dict.is(Kind::kDict)) {
    return absl::InvalidArgumentError("variables: must be a JSON object");
  }
  Context context;
  for (const auto& [name, value] : dict.dict().entries()) {
    context.emplace_back(name.bytes(), value);
  }
  return context;
}

absl::StatusOr<std::unique_ptr<const Template>> TemplateOf(
    const JsonValue& request) {
  TemplateOptions options;
  ASSIGN_OR_RETURN(const CivilTime now, TimeOf(request));
  options.environment.local_time = [now] { return now; };
  ASSIGN_OR_RETURN(const bool trims, request.GetBoolOr("trim", true));
  options.lexer = {.trim_blocks = trims, .lstrip_blocks = trims};
  ASSIGN_OR_RETURN(const std::string_view source, request.GetString("source"));
  return Template::Parse(source, options);
}

// As a tokenizer does at its start.
absl::StatusOr<std::string> Load(const JsonValue& request) {
  ASSIGN_OR_RETURN(const std::string_view directory,
                   request.GetString("directory"));
  ASSIGN_OR_RETURN(const std::unique_ptr<ChatRenderer> renderer,
                   ChatRenderer::FromDirectory(std::string(directory)));
  return absl::StrCat("\"has_template\":",
                      renderer->has_template() ? "true" : "false");
}

// Seconds of many renders of one parsed template, besides the last text.
absl::StatusOr<std::string> Measure(const JsonValue& request) {
  ASSIGN_OR_RETURN(const Context context, ContextOf(request));
  ASSIGN_OR_RETURN(const std::unique_ptr<const Template> parsed,
                   TemplateOf(request));
  ASSIGN_OR_RETURN(const int64_t renders,
                   request.GetInt("renders", 1, kMaxRenders));
  Text text;
  const double began = CpuSeconds();
  for (int64_t i = 0; i < renders; ++i) {
    ASSIGN_OR_RETURN(text, parsed->Render(context));
  }
  const double seconds = CpuSeconds() - began;
  return absl::StrCat("\"text\":", JsonQuote(text.bytes()),
                      ",\"seconds\":", seconds);
}

absl::StatusOr<std::string> Render(const JsonValue& request) {
  ASSIGN_OR_RETURN(const Context context, ContextOf(request));
  ASSIGN_OR_RETURN(const std::unique_ptr<const Template> parsed,
                   TemplateOf(request));
  ASSIGN_OR_RETURN(const Text text, parsed->Render(context));
  return absl::StrCat("\"text\":", JsonQuote(text.bytes()));
}

absl::StatusOr<std::string> Answer(const std::string& line) {
  ASSIGN_OR_RETURN(const JsonDocument request,
                   JsonDocument::Parse(line, "request", JsonLimits{}));
  const JsonValue root = request.root();
  if (root.Find("directory").has_value()) return Load(root);
  return root.Find("renders").has_value() ? Measure(root) : Render(root);
}

// Every answer also says what it cost.
std::string AnswerTo(const std::string& line) {
  const double began = CpuSeconds();
  const absl::StatusOr<std::string> answer = Answer(line);
  const std::string cost =
      absl::StrCat(",\"cpu_seconds\":", CpuSeconds() - began, "}");
  if (answer.ok()) return absl::StrCat("{", *answer, cost);
  return absl::StrCat(
      "{\"error\":", JsonQuote(std::string(answer.status().message())),
      ",\"code\":", static_cast<int>(answer.status().code()), cost);
}

}  // namespace
}  // namespace sluice::tokenizer::jinja

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << sluice::tokenizer::jinja::AnswerTo(line) << std::endl;
  }
  return 0;
}
