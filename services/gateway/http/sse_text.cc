#include "common/http/http_error.h"
#include "services/gateway/http/reply.h"

namespace sluice::gateway {

std::string SseComment(const std::string& text) { return ": " + text + "\n\n"; }

std::string SseText(const std::string& text) {
  if (text.find('\r') != std::string::npos) {
    return SseEvent("text_json", JsonQuote(text));
  }
  return SseEvent("", text);
}

}  // namespace sluice::gateway
