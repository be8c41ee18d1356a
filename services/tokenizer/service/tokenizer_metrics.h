#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/telemetry/metrics.h"

namespace sluice::tokenizer {

// Everything that the Tokenizer counts, declared once. Threads: any.
struct TokenizerMetrics {
  explicit TokenizerMetrics(Metrics& metrics);

  // Counts a call that ended.
  void CountRequest(std::string_view method, absl::StatusCode code);

  CounterFamily& requests;  // method, code
  Counter& encoded_tokens;  // ids made of text
  Counter& decoded_tokens;  // ids made into text
  Histogram& template_seconds;
  Histogram& encode_seconds;
  Histogram& decode_seconds;

 private:
  TokenizerMetrics(Metrics& metrics, CounterFamily& tokens,
                   HistogramFamily& stages);
};

// Observes how long it lived.
class StageTimer {
 public:
  explicit StageTimer(Histogram& seconds)
      : seconds_(seconds), start_(clock_.Now()) {}
  ~StageTimer() { seconds_.Observe(ToSeconds(clock_.Now() - start_)); }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  MonotonicClock clock_;
  Histogram& seconds_;
  Nanos start_;
};

}  // namespace sluice::tokenizer
