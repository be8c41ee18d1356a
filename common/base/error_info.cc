#include "common/base/error_info.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice {
namespace {

// Payload names; the values are plain text.
constexpr char kFieldUrl[] = "sluice/field";
constexpr char kReasonUrl[] = "sluice/reason";
constexpr char kRetryDelayUrl[] = "sluice/retry_delay_nanos";

absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

absl::Status WithPayload(absl::Status status, const char* url,
                         std::string_view value) {
  SLUICE_CHECK(!status.ok(), "an OK status carries no error detail");
  status.SetPayload(url, absl::Cord(View(value)));
  return status;
}

std::optional<std::string> PayloadOf(const absl::Status& status,
                                     const char* url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(url);
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

}  // namespace

absl::Status FieldError(std::string_view field, std::string_view what,
                        std::string_view got, std::string_view limit) {
  std::string message = absl::StrCat(View(field), ": ", View(what));
  if (!got.empty()) absl::StrAppend(&message, ", got ", View(got));
  if (!limit.empty()) absl::StrAppend(&message, ", limit ", View(limit));
  return WithField(absl::InvalidArgumentError(message), field);
}

absl::Status WithField(absl::Status status, std::string_view field) {
  return WithPayload(std::move(status), kFieldUrl, field);
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  return WithPayload(std::move(status), kReasonUrl, reason);
}

absl::Status WithRetryDelay(absl::Status status, Nanos delay) {
  return WithPayload(std::move(status), kRetryDelayUrl, std::to_string(delay));
}

std::optional<std::string> FieldOf(const absl::Status& status) {
  return PayloadOf(status, kFieldUrl);
}

std::optional<std::string> ReasonOf(const absl::Status& status) {
  return PayloadOf(status, kReasonUrl);
}

std::optional<Nanos> RetryDelayOf(const absl::Status& status) {
  const std::optional<std::string> text = PayloadOf(status, kRetryDelayUrl);
  Nanos delay = 0;
  if (!text || !absl::SimpleAtoi(*text, &delay)) return std::nullopt;
  return delay;
}

}  // namespace sluice
