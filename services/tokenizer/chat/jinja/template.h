#pragma once

// A template: parse once, render often.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/tokenizer/chat/jinja/environment.h"
#include "services/tokenizer/chat/jinja/lexer.h"
#include "services/tokenizer/chat/jinja/limits.h"
#include "services/tokenizer/chat/jinja/text.h"

namespace sluice::tokenizer::jinja {

struct Program;

struct TemplateOptions {
  LexerOptions lexer;  // as transformers sets them
  Limits limits;
  Environment environment;
};

// Jinja as Hugging Face transformers renders it: its own sandbox, with break
// and continue, the generation tag, tojson as json.dumps, raise_exception and
// strftime_now. It reads and writes nothing outside.
// Threads: any (immutable after construction).
class Template {
 public:
  // Errors: INVALID_ARGUMENT "line N: what".
  static absl::StatusOr<std::unique_ptr<const Template>> Parse(
      std::string_view source, const TemplateOptions& options = {});
  ~Template();

  // Errors: INVALID_ARGUMENT with the message of raise_exception, or "line N:
  // what" as Python would raise; RESOURCE_EXHAUSTED "line N: ..., limit ...".
  // Limits: options.limits.
  absl::StatusOr<Text> Render(const Context& context) const;

 private:
  Template(std::unique_ptr<const Program> program,
           const TemplateOptions& options);

  const std::unique_ptr<const Program> program_;
  const TemplateOptions options_;
};

}  // namespace sluice::tokenizer::jinja
