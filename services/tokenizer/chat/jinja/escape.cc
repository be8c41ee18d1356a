#include "services/tokenizer/chat/jinja/escape.h"

#include "common/base/status_macros.h"
#include "services/tokenizer/chat/jinja/paid_text.h"

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

absl::StatusOr<Text> EscapeHtml(const Text& text, Budget& budget) {
  RETURN_IF_ERROR(budget.SpendScan(text.extent()));
  PaidText escaped(budget);
  for (const TextRun& run : text.Runs()) {
    size_t begin = 0;  // of what was not yet copied
    for (size_t i = 0; i < run.bytes.size(); ++i) {
      const std::string_view entity = EntityOf(run.bytes[i]);
      if (entity.empty()) continue;
      RETURN_IF_ERROR(
          escaped.Append(run.bytes.substr(begin, i - begin), run.foreign));
      RETURN_IF_ERROR(escaped.Append(entity, run.foreign));
      begin = i + 1;
    }
    RETURN_IF_ERROR(escaped.Append(run.bytes.substr(begin), run.foreign));
  }
  return escaped.Take();
}

absl::StatusOr<Text> EscapeHtml(const Value& value, Budget& budget) {
  if (!value.string().safe) return EscapeHtml(value.text(), budget);
  RETURN_IF_ERROR(budget.SpendBytes(value.text().extent()));
  return value.text();
}

}  // namespace sluice::tokenizer::jinja
