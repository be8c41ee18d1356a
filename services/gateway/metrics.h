#pragma once

// The metrics and the request log of the Gateway, declared once.

#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "services/gateway/pipeline/observer.h"

namespace sluice::gateway {

// Threads: any.
struct GatewayMetrics {
  explicit GatewayMetrics(Metrics& metrics);

  CounterFamily& requests;
  CounterFamily& rejected;
  CounterFamily& cancelled;
  GaugeFamily& in_flight;
  GaugeFamily& streams_paused;
  CounterFamily& prompt_tokens;
  CounterFamily& generated_tokens;
  HistogramFamily& time_to_first_token;
  HistogramFamily& inter_token;
  HistogramFamily& stage;
  HistogramFamily& duration;
  HistogramFamily& request_prompt_tokens;
  HistogramFamily& request_generated_tokens;
  GaugeFamily& backends_ready;
  GaugeFamily& http_connections;
};

// Counts every request and writes one line for each that is over: names,
// counts and times, never a text. Threads: any.
class RequestTelemetry final : public RequestObserver {
 public:
  // Both must outlive it.
  RequestTelemetry(GatewayMetrics& metrics, Logger& log);

  void OnAdmitted() override;
  void OnStageEnd(Stage stage, Nanos duration) override;
  void OnFirstToken(Nanos after_arrival) override;
  void OnTokenGap(Nanos gap) override;
  void OnEnd(const RequestRecord& record) override;

 private:
  void Count(const RequestRecord& record);
  void Write(const RequestRecord& record);

  GatewayMetrics& metrics_;
  Logger& log_;
  // Looked up once: these are used for every token.
  Histogram& time_to_first_token_;
  Histogram& inter_token_;
};

}  // namespace sluice::gateway
