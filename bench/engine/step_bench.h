#pragma once

// One case at a time on one runner, between the probes of what the machine can
// do right then.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/engine/engine_case.h"
#include "bench/probes/probes.h"
#include "services/generator/models/model_config.h"
#include "services/generator/runner/model_runner.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/sampler/seen_tokens.h"

namespace sluice::bench {

// What one measurement gave.
struct StepSample {
  double seconds = 0;
  double tokens_per_second = 0;
  double bandwidth = 0;  // bytes per second, of the probe around it
  double vnni_peak = 0;  // operations per second
};

// What a token needs at least.
struct StepLimits {
  double bytes_per_token = 0;   // all weights but an untied embedding
  double layer_parameters = 0;  // that every row of a prefill meets
};
StepLimits LimitsOf(const generator::RunnerInfo& info,
                    const generator::ModelConfig& config);

// Share of the limit, 1 being all: of the bandwidth for one sequence, of the
// peak for a prefill; negative where neither bounds.
double ShareOf(const EngineCase& one, const StepSample& sample,
               const StepLimits& limits);

struct StepBenchOptions {
  // Tokens are chosen as the engine does, by the Gateway's preset "balanced".
  bool sample = true;
  bool probe = true;  // else the limits of a sample are 0
};

// Threads: one at a time.
class StepBench {
 public:
  StepBench(generator::ModelRunner& runner, const StepBenchOptions& options);

  // Fills the positions before the case and runs it once, so that all memory
  // was touched.
  // Errors: those of the runner; INVALID_ARGUMENT for a case that its blocks
  // cannot hold.
  absl::Status Prepare(const EngineCase& one);
  // REQUIRES: Prepare for the same case, and none for another since.
  absl::StatusOr<StepSample> Measure(const EngineCase& one);

 private:
  struct Stream {
    generator::SeenTokens seen;
    int32_t next_id = 0;
  };

  generator::SequenceRows Rows(int32_t sequence, int32_t first,
                               int32_t count) const;
  absl::Status Prefill(int32_t sequence, int32_t first, int32_t count);
  absl::Status Decode(const EngineCase& one);
  absl::Status Run(const EngineCase& one);
  // Adds half of what the machine can do now.
  void Probe(StepSample& sample);
  absl::Status SampleRow(absl::Span<const float> logits, int32_t sequence,
                         int32_t position);

  generator::ModelRunner& runner_;
  const bool sample_;
  generator::kernels::ThreadPool pool_;
  std::optional<BandwidthProbe> bandwidth_;
  generator::Sampler sampler_;
  generator::SamplingParams params_;
  std::vector<Stream> streams_;
  int32_t blocks_each_ = 0;
};

}  // namespace sluice::bench
