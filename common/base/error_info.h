#pragma once

// What an error says beyond its sentence: a reason that a program can compare,
// how long to wait, which field was wrong. Carried in the Status itself, free
// of protobuf; common/rpc turns it into google.rpc details and back, and
// common/http into JSON. Threads: any.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace sluice {

// Reasons used by more than one room.
inline constexpr std::string_view kReasonDraining = "DRAINING";
inline constexpr std::string_view kReasonQueueFull = "QUEUE_FULL";
inline constexpr std::string_view kReasonDeadlineUnmeetable =
    "DEADLINE_UNMEETABLE";
inline constexpr std::string_view kReasonQueueTimeout = "QUEUE_TIMEOUT";
inline constexpr std::string_view kReasonFirstTokenTimeout =
    "FIRST_TOKEN_TIMEOUT";
inline constexpr std::string_view kReasonContextLengthExceeded =
    "CONTEXT_LENGTH_EXCEEDED";

// INVALID_ARGUMENT "field: what, got GOT, limit LIMIT" that remembers the
// field. `got` and `limit` may be empty and are then left out.
//   FieldError("top_p", "out of range", "2", "(0, 1]")
absl::Status FieldError(std::string_view field, std::string_view what,
                        std::string_view got = "", std::string_view limit = "");

// The same status with one more fact. REQUIRES: !status.ok(); reason is
// UPPER_SNAKE_CASE.
absl::Status WithField(absl::Status status, std::string_view field);
absl::Status WithReason(absl::Status status, std::string_view reason);
absl::Status WithRetryDelay(absl::Status status, Nanos delay);

// nullopt when the status says nothing about it.
std::optional<std::string> FieldOf(const absl::Status& status);
std::optional<std::string> ReasonOf(const absl::Status& status);
std::optional<Nanos> RetryDelayOf(const absl::Status& status);

}  // namespace sluice
