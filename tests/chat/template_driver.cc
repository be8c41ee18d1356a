// Renders chat templates for checks written in Python: one JSON request a line
// on stdin, one JSON answer a line on stdout. The expected answers stay on the
// other side.

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
#include "services/tokenizer/chat/jinja/dict.h"
#include "services/tokenizer/chat/jinja/json.h"
#include "services/tokenizer/chat/jinja/template.h"

namespace sluice::tokenizer::jinja {
namespace {

constexpr int kMaxDepth = 64;  // of the variables; goldens nest deeper than 32

// Year, month, day, hour, minute, second.
absl::StatusOr<CivilTime> TimeOf(const JsonValue& request) {
  ASSIGN_OR_RETURN(const JsonValue list, request.Get("now"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> parts, list.AsInts(0, 9999));
  if (parts.size() != 6) return list.Error("must have six numbers");
  const std::vector<int> p(parts.begin(), parts.end());
  return CivilTime{p[0], p[1], p[2], p[3], p[4], p[5]};
}

// The variables come as JSON text, so that the reader under test reads them.
absl::StatusOr<Context> ContextOf(std::string_view variables) {
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

absl::StatusOr<std::string> Render(const JsonValue& request) {
  TemplateOptions options;
  ASSIGN_OR_RETURN(const CivilTime now, TimeOf(request));
  options.environment.local_time = [now] { return now; };
  ASSIGN_OR_RETURN(const bool trims, request.GetBoolOr("trim", true));
  options.lexer = {.trim_blocks = trims, .lstrip_blocks = trims};
  ASSIGN_OR_RETURN(const std::string_view source, request.GetString("source"));
  ASSIGN_OR_RETURN(const std::string_view variables,
                   request.GetString("variables"));
  ASSIGN_OR_RETURN(const Context context, ContextOf(variables));
  ASSIGN_OR_RETURN(const std::unique_ptr<const Template> parsed,
                   Template::Parse(source, options));
  ASSIGN_OR_RETURN(const Text text, parsed->Render(context));
  return text.bytes();
}

std::string AnswerTo(const std::string& line) {
  auto request = JsonDocument::Parse(line, "request", JsonLimits{});
  const absl::StatusOr<std::string> text =
      request.ok() ? Render(request->root())
                   : absl::StatusOr<std::string>(request.status());
  if (text.ok()) return absl::StrCat("{\"text\":", JsonQuote(*text), "}");
  return absl::StrCat(
      "{\"error\":", JsonQuote(std::string(text.status().message())),
      ",\"code\":", static_cast<int>(text.status().code()), "}");
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
