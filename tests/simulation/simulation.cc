#include "tests/simulation/simulation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/telemetry/metrics.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {

absl::Status Simulate(const SimulationOptions& options,
                      const EpisodeDone& done) {
  const Vocabulary vocabulary = MakeSimVocabulary();
  Metrics registry;
  GeneratorMetrics metrics(registry);
  int64_t left = options.requests;
  for (int64_t number = options.first_episode; left > 0; ++number) {
    const int32_t requests = static_cast<int32_t>(
        std::min<int64_t>(left, options.requests_per_episode));
    left -= requests;
    Situations situations;
    Episode episode(HashChain(MixBits(options.seed), number), requests,
                    {vocabulary, metrics, situations});
    const absl::Status status = episode.Run();
    if (!status.ok()) {
      return absl::InternalError(
          absl::StrCat("episode ", number, ": ", status.message()));
    }
    done(number, episode.tally(), situations);
  }
  return absl::OkStatus();
}

}  // namespace sluice::generator
