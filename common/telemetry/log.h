#pragma once

// JSON lines on standard error:
//   {"time":"2026-01-02T03:04:05.678Z","level":"info","service":"gateway",
//    "event":"ready","grpc_port":50050}
// Never a prompt or an output: ids, counts and statuses only.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
// Errors: INVALID_ARGUMENT "log_level: what, got, limit".
absl::StatusOr<LogLevel> ParseLogLevel(std::string_view text);

// One key and value of a line. `key` is a literal in lower_snake_case; the
// value is lent for the call and escaped by the logger (invalid UTF-8 becomes
// U+FFFD).
struct LogField {
  using Value = std::variant<std::string_view, int64_t, double, bool>;

  LogField(std::string_view key, std::string_view value)
      : key(key), value(value) {}
  LogField(std::string_view key, const std::string& value)
      : key(key), value(std::string_view(value)) {}
  LogField(std::string_view key, const char* value)
      : key(key), value(std::string_view(value)) {}
  LogField(std::string_view key, bool value) : key(key), value(value) {}
  LogField(std::string_view key, double value) : key(key), value(value) {}
  LogField(std::string_view key, int value)
      : key(key), value(static_cast<int64_t>(value)) {}
  LogField(std::string_view key, int64_t value) : key(key), value(value) {}
  LogField(std::string_view key, uint64_t value)
      : key(key), value(static_cast<int64_t>(value)) {}

  std::string_view key;
  Value value;
};

// Threads: any; lines never mix.
// Limits: a string value is cut at 4 KiB.
class Logger {
 public:
  // Receives one line without its newline. Threads: called one at a time.
  using Sink = std::function<void(std::string_view line)>;
  using Fields = std::initializer_list<LogField>;

  // To standard error.
  Logger(std::string_view service, LogLevel level);
  // To `sink`, for tests.
  Logger(std::string_view service, LogLevel level, Sink sink);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // `event` says what happened, a short fixed phrase.
  void Debug(std::string_view event, Fields fields = {});
  void Info(std::string_view event, Fields fields = {});
  void Warning(std::string_view event, Fields fields = {});
  void Error(std::string_view event, Fields fields = {});
  bool enabled(LogLevel level) const { return level >= level_; }

 private:
  struct Backend;
  void Write(LogLevel level, std::string_view event, Fields fields);

  std::string service_;
  LogLevel level_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace sluice
