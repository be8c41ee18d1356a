#include "bench/engine/engine_bench.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <istream>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "bench/engine/step_bench.h"
#include "common/base/status_macros.h"
#include "services/generator/models/model_config.h"

namespace sluice::bench {
namespace {

using generator::ModelRunner;
using generator::RunnerInfo;

// The engine with the model that the options name.
struct Engine {
  std::vector<EngineCase> cases;
  std::unique_ptr<ModelRunner> runner;
  StepLimits limits;
};

// Blocks for the largest case.
int32_t BlocksFor(const std::vector<EngineCase>& cases, int32_t block_size) {
  int32_t blocks = 1;
  for (const EngineCase& one : cases) {
    const int32_t each = (one.room() + block_size - 1) / block_size;
    blocks = std::max(blocks, one.sequences * each);
  }
  return blocks;
}

absl::StatusOr<Engine> LoadEngine(const EngineBenchOptions& options) {
  Engine engine;
  ASSIGN_OR_RETURN(engine.cases, ParseCases(options.cases));
  generator::NativeRunnerOptions native = options.native;
  native.block_count = BlocksFor(engine.cases, native.block_size);
  ASSIGN_OR_RETURN(engine.runner,
                   generator::CreateNativeRunner(options.model, native));
  ASSIGN_OR_RETURN(const generator::ModelConfig config,
                   generator::ReadModelConfig(options.model));
  engine.limits = LimitsOf(engine.runner->info(), config);
  return engine;
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Print(const EngineCase& one, const std::vector<StepSample>& samples,
           const StepLimits& limits) {
  std::vector<double> rates, shares, bandwidths, peaks;
  for (const StepSample& sample : samples) {
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
    absl::PrintF("  %3.0f%% of %s", 100 * share,
                 one.rows > 0 ? "VNNI peak" : "bandwidth");
  }
  absl::PrintF("  (probe %.0f GB/s, %.0f Gop/s)\n", MedianOf(bandwidths),
               MedianOf(peaks));
  std::fflush(stdout);
}

std::string JsonLine(const EngineCase& one, const StepSample& sample,
                     const RunnerInfo& info, const StepLimits& limits) {
  return absl::StrFormat(
      "{\"case\":\"%s\",\"fingerprint\":\"%s\",\"threads\":%d,\"tokens\":%d,"
      "\"seconds\":%.6f,\"tokens_per_second\":%.3f,\"bandwidth\":%.0f,"
      "\"vnni_peak\":%.0f,\"share\":%.4f}\n",
      one.name, info.fingerprint, info.threads, one.tokens(), sample.seconds,
      sample.tokens_per_second, sample.bandwidth, sample.vnni_peak,
      ShareOf(one, sample, limits));
}

std::string Introduction(const RunnerInfo& info, const StepLimits& limits) {
  return absl::StrFormat(
      "{\"fingerprint\":\"%s\",\"isa\":\"%s\",\"weight_format\":\"%s\","
      "\"kv_format\":\"%s\",\"threads\":%d,\"bytes\":%d,"
      "\"bytes_per_token\":%.0f,\"layer_parameters\":%.0f}\n",
      info.fingerprint, info.isa, info.weight_format, info.kv_format,
      info.threads, info.weight_bytes, limits.bytes_per_token,
      limits.layer_parameters);
}

}  // namespace

absl::Status RunEngineBench(const EngineBenchOptions& options) {
  ASSIGN_OR_RETURN(const Engine engine, LoadEngine(options));
  const RunnerInfo& info = engine.runner->info();
  absl::PrintF("%s, %d threads, %.0f MB of weights\n", info.fingerprint,
               info.threads, info.weight_bytes / 1e6);
  StepBench bench(*engine.runner,
                  {.sample = options.sample, .probe = options.probe});
  std::ofstream jsonl;
  if (!options.jsonl.empty()) jsonl.open(options.jsonl, std::ios::app);
  for (const EngineCase& one : engine.cases) {
    RETURN_IF_ERROR(bench.Prepare(one));
    std::vector<StepSample> samples;
    for (int32_t i = 0; i < options.repeats; ++i) {
      ASSIGN_OR_RETURN(samples.emplace_back(), bench.Measure(one));
      if (!jsonl.is_open()) continue;
      jsonl << JsonLine(one, samples.back(), info, engine.limits);
    }
    Print(one, samples, engine.limits);
  }
  return absl::OkStatus();
}

absl::Status ServeEngineBench(const EngineBenchOptions& options,
                              std::istream& requests, std::ostream& answers) {
  ASSIGN_OR_RETURN(const Engine engine, LoadEngine(options));
  const RunnerInfo& info = engine.runner->info();
  StepBench bench(*engine.runner,
                  {.sample = options.sample, .probe = options.probe});
  answers << Introduction(info, engine.limits) << std::flush;
  std::string prepared, name;
  while (std::getline(requests, name)) {
    ASSIGN_OR_RETURN(const EngineCase one, ParseCase(name));
    if (name != prepared) RETURN_IF_ERROR(bench.Prepare(one));
    prepared = name;
    ASSIGN_OR_RETURN(const StepSample sample, bench.Measure(one));
    answers << JsonLine(one, sample, info, engine.limits) << std::flush;
  }
  return absl::OkStatus();
}

}  // namespace sluice::bench
