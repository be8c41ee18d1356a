#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/json_quote.h"
#include "common/http/http_message.h"

namespace sluice {

// {"error":{"message":...,"type":...,"code":...,"param":...}} as OpenAI
// clients expect it: type from the status table, code the reason in lower case
// (or null), param the field (or null). With a retry delay also
// "retry_after_ms", as an open stream has no header left for it. Threads: any.
std::string ErrorJson(const absl::Status& status);

// That body with the HTTP status of the table; Retry-After when the status has
// a retry delay (whole seconds, rounded up, at least 1).
HttpResponse ErrorResponse(const absl::Status& status);
// The same with an HTTP status that the table does not have, such as 413.
HttpResponse ErrorResponse(int http_status, const absl::Status& status);

// One server-sent event: "event:" when `event` is not empty, one "data:" line
// per line of `data`, an empty line.
std::string SseEvent(std::string_view event, std::string_view data);

}  // namespace sluice
