#include "bench/engine/engine_bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/probes/probes.h"
#include "common/base/error_info.h"
#include "common/base/status_macros.h"
#include "services/generator/models/model_config.h"

namespace sluice::bench {
namespace {

using generator::ModelRunner;
using generator::SequenceRows;
using generator::StepPlan;

constexpr int32_t kBatchSteps = 16;
constexpr int32_t kChunkRows = 512;

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool ReadNumber(absl::string_view text, int32_t& out) {
  return absl::SimpleAtoi(text, &out) && out > 0;
}

absl::StatusOr<EngineCase> ParseCase(const std::string& name) {
  EngineCase one;
  one.name = name;
  const std::vector<std::string> at = absl::StrSplit(name, '@');
  const absl::string_view head = at[0];
  bool valid = at.size() <= 2;
  if (at.size() == 2) valid = ReadNumber(at[1], one.depth);
  if (valid && absl::StartsWith(head, "pp")) {
    valid = ReadNumber(head.substr(2), one.rows);
  } else if (valid && absl::StartsWith(head, "tg")) {
    valid = ReadNumber(head.substr(2), one.steps);
  } else if (valid && absl::StartsWith(head, "b")) {
    valid = ReadNumber(head.substr(1), one.sequences);
    one.steps = kBatchSteps;
  } else {
    valid = false;
  }
  if (!valid) {
    return FieldError("cases", "unknown case", name,
                      "such as pp512, tg64@1024 "
                      "or b8@128");
  }
  return one;
}

// What one measurement gave.
struct Sample {
  double tokens_per_second = 0;
  double bandwidth = 0;  // bytes per second, of the probe around it
  double vnni_peak = 0;  // operations per second
};

class EngineBench {
 public:
  EngineBench(ModelRunner& runner, int threads)
      : runner_(runner), pool_({.threads = threads}), bandwidth_(pool_) {}

  absl::StatusOr<Sample> Measure(const EngineCase& one) {
    Sample sample;
    const double bandwidth = bandwidth_.Measure();
    const double peak = MeasureVnniPeak(pool_);
    const double start = Now();
    RETURN_IF_ERROR(one.rows > 0 ? Prefill(one) : Decode(one));
    const double tokens = one.rows > 0 ? one.rows : one.steps * one.sequences;
    sample.tokens_per_second = tokens / (Now() - start);
    sample.bandwidth = (bandwidth + bandwidth_.Measure()) / 2;
    sample.vnni_peak = (peak + MeasureVnniPeak(pool_)) / 2;
    return sample;
  }

 private:
  // `count` rows of sequence `index`, which owns blocks for `room` positions.
  SequenceRows Rows(int32_t index, int32_t first, int32_t count, int32_t room) {
    const int32_t block_size = runner_.info().block_size;
    const int32_t blocks = (room + block_size - 1) / block_size;
    SequenceRows rows;
    rows.first_position = first;
    for (int32_t i = 0; i < count; ++i) {
      rows.token_ids.push_back((first + i) * 31 %
                               runner_.info().vocabulary_size);
    }
    for (int32_t b = 0; b < blocks; ++b) {
      rows.block_table.push_back(index * blocks + b);
    }
    return rows;
  }

  absl::Status Prefill(const EngineCase& one) {
    const int32_t end = one.depth + one.rows;
    for (int32_t at = one.depth; at < end; at += kChunkRows) {
      const int32_t count = std::min(kChunkRows, end - at);
      StepPlan plan;
      plan.sequences.push_back(Rows(0, at, count, end));
      plan.sequences[0].wants_logits = at + count == end;
      RETURN_IF_ERROR(runner_.Run(plan).status());
    }
    return absl::OkStatus();
  }

  absl::Status Decode(const EngineCase& one) {
    for (int32_t step = 0; step < one.steps; ++step) {
      StepPlan plan;
      for (int32_t s = 0; s < one.sequences; ++s) {
        plan.sequences.push_back(
            Rows(s, one.depth + step, 1, one.depth + one.steps));
        plan.sequences.back().wants_logits = true;
      }
      RETURN_IF_ERROR(runner_.Run(plan).status());
    }
    return absl::OkStatus();
  }

  ModelRunner& runner_;
  generator::kernels::ThreadPool pool_;
  BandwidthProbe bandwidth_;
};

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What a token needs at least.
struct Limits {
  double bytes_per_token = 0;   // all weights but an untied embedding
  double layer_parameters = 0;  // that every row of a prefill meets
};

Limits LimitsOf(const generator::RunnerInfo& info,
                const generator::ModelConfig& config) {
  const double table =
      static_cast<double>(config.vocabulary_size) * config.hidden_size;
  const double tables = config.tied_head ? table : 2 * table;
  const double parameters = static_cast<double>(info.parameters);
  // An untied embedding is stored as the head is.
  const double unread = config.tied_head ? 0 : table / parameters;
  return {
      .bytes_per_token = static_cast<double>(info.weight_bytes) * (1 - unread),
      .layer_parameters = parameters - tables};
}

// Share of the limit in percent: of the bandwidth for one sequence, of the
// peak for a prefill; negative where neither bounds.
double ShareOf(const EngineCase& one, const Sample& sample,
               const Limits& limits) {
  const double rate = sample.tokens_per_second;
  if (one.rows > 0) {
    const double operations = 2.0 * limits.layer_parameters * rate;
    return sample.vnni_peak > 0 ? 100 * operations / sample.vnni_peak : -1;
  }
  if (one.sequences > 1) return -1;
  return 100 * rate * limits.bytes_per_token / sample.bandwidth;
}

void Print(const EngineCase& one, const std::vector<Sample>& samples,
           const Limits& limits) {
  std::vector<double> rates, shares, bandwidths, peaks;
  for (const Sample& sample : samples) {
    rates.push_back(sample.tokens_per_second);
    shares.push_back(ShareOf(one, sample, limits));
    bandwidths.push_back(sample.bandwidth / 1e9);
    peaks.push_back(sample.vnni_peak / 1e9);
  }
  const auto [least, most] = std::minmax_element(rates.begin(), rates.end());
  absl::PrintF("%-12s %8.1f /%8.1f /%8.1f t/s", one.name, *least,
               MedianOf(rates), *most);
  const double share = MedianOf(shares);
  if (share >= 0) {
    absl::PrintF("  %3.0f%% of %s", share,
                 one.rows > 0 ? "VNNI peak" : "bandwidth");
  }
  absl::PrintF("  (probe %.0f GB/s, %.0f Gop/s)\n", MedianOf(bandwidths),
               MedianOf(peaks));
  std::fflush(stdout);
}

std::string JsonLine(const EngineCase& one, const Sample& sample,
                     const generator::RunnerInfo& info) {
  return absl::StrFormat(
      "{\"case\":\"%s\",\"fingerprint\":\"%s\",\"threads\":%d,"
      "\"tokens_per_second\":%.3f,\"bandwidth\":%.0f,\"vnni_peak\":%.0f}\n",
      one.name, info.fingerprint, info.threads, sample.tokens_per_second,
      sample.bandwidth, sample.vnni_peak);
}

// Blocks for the largest case.
int32_t BlocksFor(const std::vector<EngineCase>& cases, int32_t block_size) {
  int32_t blocks = 1;
  for (const EngineCase& one : cases) {
    const int32_t room = one.depth + (one.rows > 0 ? one.rows : one.steps);
    blocks = std::max(blocks,
                      one.sequences * ((room + block_size - 1) / block_size));
  }
  return blocks;
}

}  // namespace

absl::StatusOr<std::vector<EngineCase>> ParseCases(const std::string& text) {
  std::vector<EngineCase> cases;
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(text, ','))) {
    ASSIGN_OR_RETURN(EngineCase one, ParseCase(name));
    cases.push_back(std::move(one));
  }
  return cases;
}

absl::Status RunEngineBench(const EngineBenchOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<EngineCase> cases,
                   ParseCases(options.cases));
  generator::NativeRunnerOptions native = options.native;
  native.block_count = BlocksFor(cases, native.block_size);
  const double start = Now();
  ASSIGN_OR_RETURN(const std::unique_ptr<ModelRunner> runner,
                   generator::CreateNativeRunner(options.model, native));
  const generator::RunnerInfo& info = runner->info();
  absl::PrintF("%s, %d threads, %.0f MB of weights, loaded in %.1f s\n",
               info.fingerprint, info.threads, info.weight_bytes / 1e6,
               Now() - start);
  ASSIGN_OR_RETURN(const generator::ModelConfig config,
                   generator::ReadModelConfig(options.model));
  const Limits limits = LimitsOf(info, config);
  EngineBench bench(*runner, info.threads);
  std::ofstream jsonl;
  if (!options.jsonl.empty()) jsonl.open(options.jsonl, std::ios::app);
  for (const EngineCase& one : cases) {
    RETURN_IF_ERROR(bench.Measure(one).status());  // touches its memory
    std::vector<Sample> samples;
    for (int32_t i = 0; i < options.repeats; ++i) {
      ASSIGN_OR_RETURN(samples.emplace_back(), bench.Measure(one));
      if (jsonl.is_open()) jsonl << JsonLine(one, samples.back(), info);
    }
    Print(one, samples, limits);
  }
  return absl::OkStatus();
}

}  // namespace sluice::bench
