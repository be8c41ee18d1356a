#include "services/tokenizer/chat/jinja/escape.h"

namespace sluice::tokenizer::jinja {
namespace {

std::string_view EntityOf(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\'':
      return "&#39;";
    case '"':
      return "&#34;";
    default:
      return {};
  }
}

}  // namespace

Text EscapeHtml(const Text& text) {
  Text escaped;
  for (const TextRun& run : text.Runs()) {
    for (size_t i = 0; i < run.bytes.size(); ++i) {
      const std::string_view entity = EntityOf(run.bytes[i]);
      escaped.Append(entity.empty() ? run.bytes.substr(i, 1) : entity,
                     run.foreign);
    }
  }
  return escaped;
}

Text EscapeHtml(const Value& value) {
  return value.string().safe ? value.text() : EscapeHtml(value.text());
}

}  // namespace sluice::tokenizer::jinja
