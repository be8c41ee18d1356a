#include "services/generator/engine/generator_metrics.h"

#include <chrono>
#include <string>

#include "absl/strings/ascii.h"
#include "common/base/error_info.h"
#include "common/base/status_table.h"

namespace sluice::generator {
namespace {

double UnixSeconds() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

LoadGauges::LoadGauges(Metrics& m)
    : requests_running(m.AddGauge("sluice_requests_running",
                                  "Requests scheduled and not ended.")),
      requests_waiting(m.AddGauge("sluice_requests_waiting",
                                  "Requests accepted and not scheduled.")),
      streams_paused(m.AddGauge("sluice_streams_paused",
                                "Requests that wait for a slow reader.")),
      kv_blocks(m.AddGauge("sluice_kv_cache_blocks", "KV blocks, by state.",
                           {"state"})),
      kv_bytes(m.AddGauge("sluice_kv_cache_bytes",
                          "Bytes of KV blocks, by state.", {"state"})),
      kv_usage_ratio(m.AddGauge("sluice_kv_cache_usage_ratio",
                                "Active KV blocks among all, 0 to 1.")),
      last_step_timestamp(m.AddGauge(
          "sluice_last_step_timestamp_seconds",
          "Unix time of the end of the last step; 0 before the first.")) {}

ModelGauges::ModelGauges(Metrics& m)
    : threads(m.AddGauge("sluice_compute_threads",
                         "Threads that the model computes with.")),
      model_info(m.AddGauge("sluice_model_info",
                            "Always 1; the labels say what is loaded.",
                            {"architecture", "backend", "isa", "weight_format",
                             "kv_format", "fingerprint"})),
      model_load_seconds(m.AddGauge("sluice_model_load_seconds",
                                    "Time that loading the model took.")),
      load_phase_seconds(m.AddGauge(
          "sluice_model_load_phase_seconds",
          "Time that parts of it took: vocabulary, open, read_cache, pack, "
          "write_cache, build.",
          {"phase"})),
      weights_from_cache(m.AddGauge(
          "sluice_model_weights_from_cache",
          "1 when an earlier start had packed the weights, else 0.")),
      weight_bytes(m.AddGauge("sluice_model_weight_bytes",
                              "Bytes of the weights in memory.")) {}

GeneratorMetrics::GeneratorMetrics(Metrics& m)
    : requests(m.AddCounter("sluice_requests_total",
                            "Requests ended, by gRPC code and finish reason.",
                            {"code", "finish_reason"})),
      rejected(m.AddCounter("sluice_requests_rejected_total",
                            "Requests refused, or ended by a timeout of the "
                            "queue, by reason.",
                            {"reason"})),
      cancelled(m.AddCounter("sluice_requests_cancelled_total",
                             "Requests cancelled, by how far they had come.",
                             {"phase"})),
      preemptions(m.AddCounter("sluice_preemptions_total",
                               "Times a sequence lost its KV blocks.")),
      prefix_requests(m.AddCounter(
          "sluice_prefix_cache_requests_total",
          "Requests started, by whether the prefix cache had a part of their "
          "prompt.",
          {"result"})),
      prefix_evictions(m.AddCounter(
          "sluice_prefix_cache_evictions_total",
          "KV blocks of the prefix cache given to running sequences.")),
      prompt_tokens(m.AddCounter("sluice_prompt_tokens_total",
                                 "Prompt tokens, computed or from the cache.",
                                 {"source"})),
      generated_tokens(
          m.AddCounter("sluice_generated_tokens_total", "Tokens sampled.")),
      drafted_tokens(m.AddCounter("sluice_drafted_tokens_total",
                                  "Tokens guessed and verified in a step.")),
      accepted_tokens(m.AddCounter(
          "sluice_accepted_tokens_total",
          "Guessed tokens that the sampler chose too: each saved a step.")),
      wasted_tokens(m.AddCounter("sluice_wasted_tokens_total",
                                 "Tokens computed in vain, by reason.",
                                 {"reason"})),
      time_to_first_token(m.AddHistogram("sluice_time_to_first_token_seconds",
                                         "From arrival to the first token.",
                                         kSecondsGrid)),
      inter_token(m.AddHistogram("sluice_inter_token_seconds",
                                 "From one token of a sequence to the next.",
                                 kSecondsGrid)),
      queue(m.AddHistogram("sluice_queue_seconds",
                           "From arrival to first being scheduled.",
                           kSecondsGrid)),
      prefill(m.AddHistogram("sluice_prefill_seconds",
                             "From first being scheduled to the first token.",
                             kSecondsGrid)),
      decode(m.AddHistogram("sluice_decode_seconds",
                            "From the first token to the last.", kSecondsGrid)),
      step(m.AddHistogram("sluice_step_seconds",
                          "One step of the engine, by what it ran.",
                          kSecondsGrid, {"phase"})),
      step_tokens(
          m.AddHistogram("sluice_step_tokens", "Rows of a step.", kTokensGrid)),
      step_sequences(m.AddHistogram("sluice_step_sequences",
                                    "Sequences of a step.", kTokensGrid)),
      request_prompt_tokens(m.AddHistogram("sluice_request_prompt_tokens",
                                           "Prompt tokens of a request.",
                                           kTokensGrid)),
      request_generated_tokens(m.AddHistogram(
          "sluice_request_generated_tokens",
          "Tokens generated for a request, in all its sequences.",
          kTokensGrid)),
      load(m),
      model(m) {
  CreateKnownSeries();
}

// Series that a dashboard asks for exist before their first event.
void GeneratorMetrics::CreateKnownSeries() {
  for (const char* reason : {"eos", "stop", "length"}) {
    requests.With({"OK", reason});
  }
  for (const char* phase : {"queued", "prefill", "decode"}) {
    cancelled.With({phase});
  }
  for (const char* phase : {"prefill", "decode", "mixed"}) step.With({phase});
  for (const char* source : {"computed", "cached"}) {
    prompt_tokens.With({source});
  }
  for (const char* result : {"hit", "miss", "bypass"}) {
    prefix_requests.With({result});
  }
  for (const char* reason :
       {"queue_full", "deadline_unmeetable", "queue_timeout",
        "first_token_timeout", "draining", "invalid_argument",
        "context_length_exceeded", "already_exists"}) {
    rejected.With({reason});
  }
  for (const char* reason : {"cancelled", "deadline", "failed", "preempted",
                             "rejected_draft", "slow_reader", "timeout"}) {
    wasted_tokens.With({reason});
  }
}

void GeneratorMetrics::CountRejected(const absl::Status& status) {
  CountFailed(status);
  const std::string reason =
      ReasonOf(status).value_or(std::string(CodeName(status.code())));
  rejected.With({absl::AsciiStrToLower(reason)}).Increment();
}

void GeneratorMetrics::CountFailed(const absl::Status& status) {
  requests.With({CodeName(status.code()), ""}).Increment();
}

void GeneratorMetrics::CountFinished(const Finished& finished) {
  requests.With({"OK", FinishReasonName(finished.ends.front().reason)})
      .Increment();
  queue.Get().Observe(ToSeconds(finished.queue_time));
  prefill.Get().Observe(ToSeconds(finished.prefill_time));
  decode.Get().Observe(ToSeconds(finished.decode_time));
  request_prompt_tokens.Get().Observe(finished.prompt_tokens);
  request_generated_tokens.Get().Observe(finished.generated_tokens);
}

void SetModelMetrics(GeneratorMetrics& metrics, const RunnerInfo& info,
                     double load_seconds) {
  metrics.model.threads.Get().Set(info.threads);
  metrics.model.model_info
      .With({info.architecture, info.backend, info.isa, info.weight_format,
             info.kv_format, info.fingerprint})
      .Set(1);
  metrics.model.model_load_seconds.Get().Set(load_seconds);
  metrics.model.weight_bytes.Get().Set(static_cast<double>(info.weight_bytes));
  metrics.model.weights_from_cache.Get().Set(info.weights_from_cache ? 1 : 0);
}

void CollectLoad(Metrics& registry, GeneratorMetrics& metrics,
                 const LoadBoard& board, const Clock& clock,
                 int64_t block_bytes) {
  registry.AddCollector([&metrics, &board, &clock, block_bytes] {
    const LoadSnapshot now = board.Read();
    metrics.load.requests_running.Get().Set(now.running_requests);
    metrics.load.requests_waiting.Get().Set(now.queued_requests);
    metrics.load.streams_paused.Get().Set(now.paused_requests);
    const auto set_blocks = [&](const char* state, int32_t count) {
      metrics.load.kv_blocks.With({state}).Set(count);
      metrics.load.kv_bytes.With({state}).Set(static_cast<double>(count) *
                                              static_cast<double>(block_bytes));
    };
    set_blocks("free", now.blocks.free);
    set_blocks("active", now.blocks.active);
    set_blocks("cached", now.blocks.cached);
    if (now.blocks.total > 0) {
      metrics.load.kv_usage_ratio.Get().Set(
          static_cast<double>(now.blocks.active) / now.blocks.total);
    }
    if (now.last_step != 0) {
      metrics.load.last_step_timestamp.Get().Set(
          UnixSeconds() - ToSeconds(clock.Now() - now.last_step));
    }
  });
}

}  // namespace sluice::generator
