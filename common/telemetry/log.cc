#include "common/telemetry/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/base/error_info.h"
#include "common/base/json_quote.h"

namespace sluice {
namespace {

constexpr size_t kMaxValueBytes = 4096;
constexpr std::string_view kLevelNames[] = {"debug", "info", "warning",
                                            "error"};

std::string_view LevelName(LogLevel level) {
  return kLevelNames[static_cast<int>(level)];
}

class CallbackSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CallbackSink(Logger::Sink sink) : sink_(std::move(sink)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    sink_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

 private:
  Logger::Sink sink_;
};

std::string TimeNow() {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromChrono(std::chrono::system_clock::now()),
                          absl::UTCTimeZone());
}

struct AppendValue {
  void operator()(std::string_view value) const {
    AppendJsonQuoted(value.substr(0, kMaxValueBytes), line);
  }
  void operator()(int64_t value) const { absl::StrAppend(&line, value); }
  void operator()(double value) const {
    // JSON has no NaN and no infinity.
    if (std::isfinite(value)) {
      absl::StrAppendFormat(&line, "%.9g", value);
    } else {
      absl::StrAppend(&line, "null");
    }
  }
  void operator()(bool value) const { line += value ? "true" : "false"; }
  std::string& line;
};

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(std::string_view text) {
  for (int i = 0; i < 4; ++i) {
    if (text == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return FieldError("log_level", "unknown", JsonQuote(text),
                    "debug, info, warning or error");
}

struct Logger::Backend {
  explicit Backend(spdlog::sink_ptr sink) : logger("sluice", std::move(sink)) {
    logger.set_level(spdlog::level::trace);  // Logger::enabled has judged
    logger.set_pattern("%v");
    logger.flush_on(spdlog::level::trace);
  }
  spdlog::logger logger;
};

Logger::Logger(std::string_view service, LogLevel level)
    : service_(service),
      level_(level),
      backend_(std::make_unique<Backend>(
          std::make_shared<spdlog::sinks::stderr_sink_mt>())) {}

Logger::Logger(std::string_view service, LogLevel level, Sink sink)
    : service_(service),
      level_(level),
      backend_(std::make_unique<Backend>(
          std::make_shared<CallbackSink>(std::move(sink)))) {}

Logger::~Logger() = default;

void Logger::Debug(std::string_view event, Fields fields) {
  Write(LogLevel::kDebug, event, fields);
}
void Logger::Info(std::string_view event, Fields fields) {
  Write(LogLevel::kInfo, event, fields);
}
void Logger::Warning(std::string_view event, Fields fields) {
  Write(LogLevel::kWarning, event, fields);
}
void Logger::Error(std::string_view event, Fields fields) {
  Write(LogLevel::kError, event, fields);
}

void Logger::Write(LogLevel level, std::string_view event, Fields fields) {
  if (!enabled(level)) return;
  std::string line =
      absl::StrCat("{\"time\":\"", TimeNow(), "\",\"level\":\"",
                   std::string(LevelName(level)), "\",\"service\":");
  AppendJsonQuoted(service_, line);
  line += ",\"event\":";
  AppendJsonQuoted(event, line);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendJsonQuoted(field.key, line);
    line.push_back(':');
    std::visit(AppendValue{line}, field.value);
  }
  line.push_back('}');
  backend_->logger.log(spdlog::level::info,
                       spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace sluice
