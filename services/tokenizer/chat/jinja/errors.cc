#include "services/tokenizer/chat/jinja/errors.h"

#include "services/tokenizer/chat/jinja/utf8.h"

namespace sluice::tokenizer::jinja {

std::string Clip(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  const size_t end = PreviousCodePoint(text, max_bytes + 1);
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace sluice::tokenizer::jinja
