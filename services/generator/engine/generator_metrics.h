#pragma once

// Every metric of the Generator, declared once.

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/telemetry/metrics.h"
#include "services/generator/engine/load_board.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/scheduler/token_event.h"

namespace sluice::generator {

// How busy the engine is. Threads: any.
struct LoadGauges {
  explicit LoadGauges(Metrics& metrics);

  GaugeFamily& requests_running;
  GaugeFamily& requests_waiting;
  GaugeFamily& streams_paused;
  GaugeFamily& kv_blocks;
  GaugeFamily& kv_bytes;
  GaugeFamily& kv_usage_ratio;
  GaugeFamily& last_step_timestamp;
};

// What is loaded. Threads: any.
struct ModelGauges {
  explicit ModelGauges(Metrics& metrics);

  GaugeFamily& threads;
  GaugeFamily& model_info;
  GaugeFamily& model_load_seconds;
  GaugeFamily& load_phase_seconds;
  GaugeFamily& weights_from_cache;
  GaugeFamily& weight_bytes;
};

// Threads: any.
struct GeneratorMetrics {
  explicit GeneratorMetrics(Metrics& metrics);

  // A request ended with an error, before it ran and otherwise.
  void CountRejected(const absl::Status& status);
  void CountFailed(const absl::Status& status);
  void CountFinished(const Finished& finished);

  CounterFamily& requests;
  CounterFamily& rejected;
  CounterFamily& cancelled;
  CounterFamily& preemptions;
  CounterFamily& prefix_requests;
  CounterFamily& prefix_evictions;
  CounterFamily& prompt_tokens;
  CounterFamily& generated_tokens;
  CounterFamily& drafted_tokens;
  CounterFamily& accepted_tokens;
  CounterFamily& wasted_tokens;
  HistogramFamily& time_to_first_token;
  HistogramFamily& inter_token;
  HistogramFamily& queue;
  HistogramFamily& prefill;
  HistogramFamily& decode;
  HistogramFamily& step;
  HistogramFamily& step_tokens;
  HistogramFamily& step_sequences;
  HistogramFamily& request_prompt_tokens;
  HistogramFamily& request_generated_tokens;
  LoadGauges load;
  ModelGauges model;

 private:
  void CreateKnownSeries();
};

// What does not change while the model is loaded.
void SetModelMetrics(GeneratorMetrics& metrics, const RunnerInfo& info,
                     double load_seconds);

// Fills the gauges from the board at each scrape. All are lent for as long as
// the metrics are read.
void CollectLoad(Metrics& registry, GeneratorMetrics& metrics,
                 const LoadBoard& board, const Clock& clock,
                 int64_t block_bytes);

}  // namespace sluice::generator
