#include "services/tokenizer/service/tokenizer_metrics.h"

#include "common/base/status_table.h"

namespace sluice::tokenizer {

TokenizerMetrics::TokenizerMetrics(Metrics& metrics)
    : TokenizerMetrics(
          metrics,
          metrics.AddCounter("sluice_tokenizer_tokens_total",
                             "Token ids encoded from text or decoded to it.",
                             {"direction"}),
          metrics.AddHistogram(
              "sluice_tokenizer_stage_seconds",
              "Time of one call spent in a stage: template, encode, decode.",
              kSecondsGrid, {"stage"})) {}

TokenizerMetrics::TokenizerMetrics(Metrics& metrics, CounterFamily& tokens,
                                   HistogramFamily& stages)
    : requests(metrics.AddCounter("sluice_tokenizer_requests_total",
                                  "Calls that ended, by method and status.",
                                  {"method", "code"})),
      encoded_tokens(tokens.With({"encode"})),
      decoded_tokens(tokens.With({"decode"})),
      template_seconds(stages.With({"template"})),
      encode_seconds(stages.With({"encode"})),
      decode_seconds(stages.With({"decode"})) {}

void TokenizerMetrics::CountRequest(std::string_view method,
                                    absl::StatusCode code) {
  requests.With({method, CodeName(code)}).Increment();
}

}  // namespace sluice::tokenizer
