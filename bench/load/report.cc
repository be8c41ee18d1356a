#include "bench/load/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::load {
namespace {

using Json = nlohmann::ordered_json;

Json SamplesJson(Samples& samples) {
  return {{"count", samples.count()},
          {"mean", samples.MeanSeconds()},
          {"min", ToSeconds(samples.Min())},
          {"p50", ToSeconds(samples.Percentile(50))},
          {"p90", ToSeconds(samples.Percentile(90))},
          {"p95", ToSeconds(samples.Percentile(95))},
          {"p99", ToSeconds(samples.Percentile(99))},
          {"p999", ToSeconds(samples.Percentile(99.9))},
          {"max", ToSeconds(samples.Max())}};
}

Json CountsJson(const Counts& counts) {
  return {{"sent", counts.sent},           {"finished", counts.finished},
          {"good", counts.good},           {"rejected", counts.rejected},
          {"cancelled", counts.cancelled}, {"tokens", counts.tokens}};
}

Json OptionsJson(const LoadOptions& options) {
  Json phases = Json::array();
  for (const Phase& phase : options.pace.phases) {
    phases.push_back({{"rate", phase.rate}, {"seconds", phase.seconds}});
  }
  return {{"face", options.target.face},
          {"chat", options.target.chat},
          {"seed", options.workload.seed},
          {"loop", phases.empty() ? "closed" : "open"},
          {"phases", phases},
          {"poisson", options.pace.poisson},
          {"clients", options.pace.clients},
          {"warmup_s", options.pace.warmup_s},
          {"ttft_bound_ms", options.ttft_bound_ms}};
}

Json TenantsJson(const LoadOptions& options, const Results& results) {
  Json tenants = Json::array();
  for (size_t i = 0; i < options.workload.tenants.size(); ++i) {
    Json tenant = CountsJson(results.tenants()[i]);
    tenant["name"] = options.workload.tenants[i].name;
    tenants.push_back(std::move(tenant));
  }
  return tenants;
}

Json TimelineJson(Results& results) {
  Json timeline = Json::array();
  for (auto& [second, seen] : results.timeline) {
    Json entry = {{"second", second}};
    entry.update(CountsJson(seen.counts));
    entry["ttft_p50"] = ToSeconds(seen.ttft.Percentile(50));
    entry["ttft_p99"] = ToSeconds(seen.ttft.Percentile(99));
    timeline.push_back(std::move(entry));
  }
  return timeline;
}

double PerSecond(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string Row(const char* name, Samples& samples) {
  if (samples.count() == 0) return "";
  const auto ms = [](Nanos value) { return ToSeconds(value) * 1000; };
  return absl::StrFormat("%-14s %9d %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f\n",
                         name, samples.count(), samples.MeanSeconds() * 1000,
                         ms(samples.Percentile(50)), ms(samples.Percentile(90)),
                         ms(samples.Percentile(99)),
                         ms(samples.Percentile(99.9)), ms(samples.Max()));
}

std::string CountLines(const Results& results, double seconds) {
  const Counts& all = results.all();
  std::string text = absl::StrFormat(
      "%d requests in %.1f s: %d finished, %d rejected, %d cancelled, %d "
      "unfinished\n",
      all.sent, seconds, all.finished, all.rejected, all.cancelled,
      results.unfinished);
  for (const auto& [code, count] : results.errors) {
    absl::StrAppendFormat(&text, "  %d failed with %s\n", count, code);
  }
  for (const std::string& example : results.error_examples) {
    absl::StrAppend(&text, "    ", example, "\n");
  }
  if (results.without_retry > 0) {
    absl::StrAppendFormat(&text,
                          "  %d rejections do not say when to try again\n",
                          results.without_retry);
  }
  if (results.not_sent > 0) {
    absl::StrAppendFormat(&text, "  %d NOT SENT: --max_in_flight was reached\n",
                          results.not_sent);
  }
  for (const auto& [promise, count] : results.broken) {
    absl::StrAppendFormat(&text, "  %d BROKEN PROMISES: %s\n", count, promise);
  }
  return text;
}

std::string TenantLines(const LoadOptions& options, const Results& results) {
  std::string text;
  for (size_t i = 0; i < options.workload.tenants.size(); ++i) {
    const Counts& counts = results.tenants()[i];
    absl::StrAppendFormat(&text,
                          "tenant %-16s %8d sent %8d finished %8d rejected "
                          "%10d tokens\n",
                          options.workload.tenants[i].name, counts.sent,
                          counts.finished, counts.rejected, counts.tokens);
  }
  return text;
}

}  // namespace

std::string ReportTable(const LoadOptions& options, LoadRun& run) {
  Results& results = run.results();
  const double seconds = run.counted_seconds();
  std::string text = CountLines(results, seconds);
  absl::StrAppendFormat(
      &text, "goodput %.2f/s (first token within %d ms), %.1f tokens/s\n",
      PerSecond(results.all().good, seconds), options.ttft_bound_ms,
      PerSecond(results.all().tokens, seconds));
  if (results.prompt_tokens > 0) {
    absl::StrAppendFormat(&text, "prompt tokens %d, of these cached %d\n",
                          results.prompt_tokens, results.cached_tokens);
  }
  if (options.workload.questions > 0) {
    absl::StrAppendFormat(&text, "answers compared with another: %d\n",
                          results.answers.compared());
  }
  absl::StrAppendFormat(&text, "\n%-14s %9s %9s %9s %9s %9s %9s %9s\n",
                        "milliseconds", "count", "mean", "p50", "p90", "p99",
                        "p99.9", "max");
  absl::StrAppend(
      &text, Row("first token", results.ttft), Row("between", results.gap),
      Row("per token", results.token_time), Row("total", results.total),
      Row("rejection", results.rejection), Row("sent late", results.lateness));
  const std::string tenants = TenantLines(options, results);
  if (!tenants.empty()) absl::StrAppend(&text, "\n", tenants);
  absl::StrAppend(&text, "seed ", options.workload.seed, "\n");
  return text;
}

std::string ReportJson(const LoadOptions& options, LoadRun& run) {
  Results& results = run.results();
  const double seconds = run.counted_seconds();
  Json report;
  report["options"] = OptionsJson(options);
  report["interrupted"] = run.was_interrupted();
  report["seconds"] = seconds;
  report.update(CountsJson(results.all()));
  report["unfinished"] = results.unfinished;
  report["not_sent"] = results.not_sent;
  report["rejected_without_retry"] = results.without_retry;
  report["violations"] = results.violations;
  report["broken"] = results.broken;
  report["errors"] = results.errors;
  report["error_examples"] = results.error_examples;
  report["answers_compared"] = results.answers.compared();
  report["prompt_tokens"] = results.prompt_tokens;
  report["cached_tokens"] = results.cached_tokens;
  report["goodput_per_s"] = PerSecond(results.all().good, seconds);
  report["tokens_per_s"] = PerSecond(results.all().tokens, seconds);
  report["ttft_s"] = SamplesJson(results.ttft);
  report["gap_s"] = SamplesJson(results.gap);
  report["token_time_s"] = SamplesJson(results.token_time);
  report["total_s"] = SamplesJson(results.total);
  report["rejection_s"] = SamplesJson(results.rejection);
  report["lateness_s"] = SamplesJson(results.lateness);
  report["tenants"] = TenantsJson(options, results);
  report["timeline"] = TimelineJson(results);
  return report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ProgressLine(const Standing& standing) {
  const Results& results = *standing.results;
  std::string bar;
  if (standing.planned > 0) {
    constexpr int64_t kWidth = 20;
    const int64_t done = results.all().sent + results.not_sent;
    const int64_t full = std::min(
        kWidth, done * kWidth / std::max<int64_t>(standing.planned, 1));
    bar = absl::StrCat("[", std::string(full, '#'),
                       std::string(kWidth - full, '.'), "] ");
  }
  return absl::StrFormat(
      "%s%.1fs: %d in flight, %d finished, %d rejected, %d violations", bar,
      standing.elapsed_s, standing.in_flight, results.all().finished,
      results.all().rejected, results.violations);
}

}  // namespace sluice::load
