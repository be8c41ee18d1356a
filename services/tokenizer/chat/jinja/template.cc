#include "services/tokenizer/chat/jinja/template.h"

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/ast.h"
#include "services/tokenizer/chat/jinja/errors.h"
#include "services/tokenizer/chat/jinja/interpreter.h"
#include "services/tokenizer/chat/jinja/parser.h"

namespace sluice::tokenizer::jinja {

Template::Template(std::unique_ptr<const Program> program,
                   const TemplateOptions& options)
    : program_(std::move(program)), options_(options) {}

Template::~Template() = default;

absl::StatusOr<std::unique_ptr<const Template>> Template::Parse(
    std::string_view source, const TemplateOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<const Program> program,
                   ParseTemplate(source, options.lexer, options.limits));
  return std::unique_ptr<const Template>(
      new Template(std::move(program), options));
}

absl::StatusOr<Text> Template::Render(const Context& context) const {
  Interpreter interpreter(*program_, options_.environment, options_.limits);
  absl::StatusOr<Text> text = interpreter.Run(context);
  if (text.ok()) return text;
  // It may become the trailer of an RPC, where room is short.
  constexpr size_t kMaxMessageBytes = 1024;
  const std::string what =
      Clip(std::string(text.status().message()), kMaxMessageBytes);
  if (interpreter.raised()) return absl::Status(text.status().code(), what);
  return absl::Status(text.status().code(),
                      absl::StrCat("line ", interpreter.line(), ": ", what));
}

}  // namespace sluice::tokenizer::jinja
