#include "common/http/http_error.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/error_info.h"
#include "common/base/json_quote.h"
#include "common/base/status_table.h"

namespace sluice {
namespace {

std::string QuotedOrNull(const std::optional<std::string>& text) {
  return text ? JsonQuote(*text) : "null";
}

// A reader of event streams takes CR, LF and CRLF alike as the end of a line.
size_t LineEnd(std::string_view text) { return text.find_first_of("\r\n"); }

}  // namespace

std::string ErrorJson(const absl::Status& status) {
  std::optional<std::string> reason = ReasonOf(status);
  if (reason) absl::AsciiStrToLower(&*reason);
  const absl::string_view message = status.message();
  std::string retry;
  if (const std::optional<Nanos> delay = RetryDelayOf(status)) {
    retry = absl::StrCat(",\"retry_after_ms\":",
                         (*delay + kNanosPerMilli - 1) / kNanosPerMilli);
  }
  return absl::StrCat(
      "{\"error\":{\"message\":", JsonQuote({message.data(), message.size()}),
      ",\"type\":", JsonQuote(StatusRowOf(status.code()).openai_type),
      ",\"code\":", QuotedOrNull(reason),
      ",\"param\":", QuotedOrNull(FieldOf(status)), retry, "}}");
}

HttpResponse ErrorResponse(int http_status, const absl::Status& status) {
  HttpResponse response;
  response.status = http_status;
  response.body = ErrorJson(status);
  if (const std::optional<Nanos> delay = RetryDelayOf(status)) {
    const Nanos seconds = (*delay + kNanosPerSecond - 1) / kNanosPerSecond;
    response.headers.emplace_back("Retry-After",
                                  std::to_string(std::max<Nanos>(seconds, 1)));
  }
  return response;
}

HttpResponse ErrorResponse(const absl::Status& status) {
  return ErrorResponse(HttpStatusOf(status.code()), status);
}

std::string SseEvent(std::string_view event, std::string_view data) {
  std::string text;
  if (!event.empty()) {
    text.append("event: ").append(event).append("\n");
  }
  while (true) {
    const size_t end = LineEnd(data);
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(data.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
  }
  text.append("\n");
  return text;
}

}  // namespace sluice
