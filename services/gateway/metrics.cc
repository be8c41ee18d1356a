#include "services/gateway/metrics.h"

#include "common/base/status_table.h"

namespace sluice::gateway {

GatewayMetrics::GatewayMetrics(Metrics& m)
    : requests(m.AddCounter("sluice_requests_total",
                            "Requests ended, by way in and gRPC code.",
                            {"route", "code"})),
      rejected(m.AddCounter("sluice_requests_rejected_total",
                            "Requests refused before they ran, by gRPC code.",
                            {"reason"})),
      cancelled(m.AddCounter("sluice_requests_cancelled_total",
                             "Requests cancelled, by how far they had come.",
                             {"phase"})),
      in_flight(m.AddGauge("sluice_requests_in_flight",
                           "Requests admitted and not ended.")),
      streams_paused(m.AddGauge("sluice_streams_paused",
                                "Requests whose client takes nothing.")),
      prompt_tokens(m.AddCounter("sluice_prompt_tokens_total",
                                 "Prompt tokens, computed or from the cache.",
                                 {"source"})),
      generated_tokens(m.AddCounter("sluice_generated_tokens_total",
                                    "Tokens that Generators delivered.")),
      time_to_first_token(m.AddHistogram("sluice_time_to_first_token_seconds",
                                         "From arrival to the first token.",
                                         kSecondsGrid)),
      inter_token(m.AddHistogram(
          "sluice_inter_token_seconds",
          "From one delivery of tokens of a request to the next.",
          kSecondsGrid)),
      stage(m.AddHistogram("sluice_stage_seconds",
                           "Time of a request in each of its stages.",
                           kSecondsGrid, {"stage"})),
      duration(m.AddHistogram("sluice_request_duration_seconds",
                              "From arrival to the end of a request.",
                              kSecondsGrid, {"code"})),
      request_prompt_tokens(m.AddHistogram("sluice_request_prompt_tokens",
                                           "Prompt tokens of a request.",
                                           kTokensGrid)),
      request_generated_tokens(m.AddHistogram("sluice_request_generated_tokens",
                                              "Tokens generated for a request.",
                                              kTokensGrid)),
      backends_ready(m.AddGauge("sluice_backends_ready",
                                "Tokenizers and Generators that are healthy.",
                                {"kind"})),
      http_connections(m.AddGauge("sluice_http_connections",
                                  "Connections open on the HTTP face.")) {}

RequestTelemetry::RequestTelemetry(GatewayMetrics& metrics, Logger& log)
    : metrics_(metrics),
      log_(log),
      time_to_first_token_(metrics.time_to_first_token.Get()),
      inter_token_(metrics.inter_token.Get()) {}

void RequestTelemetry::OnAdmitted() { metrics_.in_flight.Get().Increment(); }

void RequestTelemetry::OnStageEnd(Stage stage, Nanos duration) {
  metrics_.stage.With({StageName(stage)}).Observe(ToSeconds(duration));
}

void RequestTelemetry::OnFirstToken(Nanos after_arrival) {
  time_to_first_token_.Observe(ToSeconds(after_arrival));
}

void RequestTelemetry::OnTokenGap(Nanos gap) {
  inter_token_.Observe(ToSeconds(gap));
}

void RequestTelemetry::OnEnd(const RequestRecord& record) {
  Count(record);
  Write(record);
}

void RequestTelemetry::Count(const RequestRecord& record) {
  const std::string_view code = CodeName(record.code);
  metrics_.requests.With({record.route, code}).Increment();
  metrics_.duration.With({code}).Observe(ToSeconds(record.duration));
  if (!record.admitted) {
    metrics_.rejected.With({code}).Increment();
    return;
  }
  metrics_.in_flight.Get().Decrement();
  if (record.code == absl::StatusCode::kCancelled) {
    metrics_.cancelled.With({StageName(record.stage)}).Increment();
  }
  const auto cached = static_cast<double>(record.cached_tokens);
  const auto prompt = static_cast<double>(record.prompt_tokens);
  const auto generated = static_cast<double>(record.generated_tokens);
  metrics_.prompt_tokens.With({"cached"}).Increment(cached);
  metrics_.prompt_tokens.With({"computed"}).Increment(prompt - cached);
  metrics_.generated_tokens.Get().Increment(generated);
  metrics_.request_prompt_tokens.Get().Observe(prompt);
  metrics_.request_generated_tokens.Get().Observe(generated);
}

void RequestTelemetry::Write(const RequestRecord& record) {
  log_.Info("request", {{"route", record.route},
                        {"request_id", record.request_id},
                        {"model", record.model},
                        {"code", CodeName(record.code)},
                        {"finish_reason", record.finish_reason},
                        {"stage", StageName(record.stage)},
                        {"prompt_tokens", record.prompt_tokens},
                        {"cached_tokens", record.cached_tokens},
                        {"generated_tokens", record.generated_tokens},
                        {"first_token_ms", ToSeconds(record.first_token) * 1e3},
                        {"duration_ms", ToSeconds(record.duration) * 1e3}});
}

}  // namespace sluice::gateway
