// For ./dev prove simulation: one JSON line an episode, one at the end.

#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/simulation/simulation.h"

namespace sluice::generator {
namespace {

constexpr char kUsage[] =
    "usage: sluice-simulation [--seed=N] [--requests=N] [--first_episode=N]\n";

// The number behind --name=, when `argument` is that.
bool TakeFlag(const char* argument, const char* name, int64_t& value) {
  const std::string prefix = absl::StrCat("--", name, "=");
  if (std::strncmp(argument, prefix.c_str(), prefix.size()) != 0) return false;
  return absl::SimpleAtoi(argument + prefix.size(), &value);
}

bool Parse(int argc, char** argv, SimulationOptions& options) {
  int64_t seed = static_cast<int64_t>(options.seed);
  for (int i = 1; i < argc; ++i) {
    if (!TakeFlag(argv[i], "seed", seed) &&
        !TakeFlag(argv[i], "requests", options.requests) &&
        !TakeFlag(argv[i], "first_episode", options.first_episode)) {
      return false;
    }
  }
  options.seed = static_cast<uint64_t>(seed);
  return options.requests > 0 && options.first_episode >= 0;
}

void PrintEpisode(uint64_t seed, int64_t number, const EpisodeTally& tally,
                  const Situations& situations) {
  std::string line = absl::StrCat(
      R"({"kind":"episode","seed":)", seed, R"(,"episode":)", number,
      R"(,"requests":)", tally.requests, R"(,"admitted":)", tally.admitted,
      R"(,"refused":)", tally.refused, R"(,"finished":)", tally.finished,
      R"(,"failed":)", tally.failed, R"(,"prompt_tokens":)",
      tally.prompt_tokens, R"(,"generated_tokens":)", tally.generated_tokens);
  absl::StrAppend(&line, R"(,"steps":)", tally.steps,
                  R"(,"requests_in_steps":)", tally.requests_in_steps,
                  R"(,"kills":)", tally.kills, R"(,"resumed_after_kill":)",
                  tally.resumed_after_kill, R"(,"longest_wait_ms":)",
                  tally.longest_wait_ms, R"(,"longest_queue_steps":)",
                  tally.longest_queue_steps, R"(,"situations":{)");
  for (size_t i = 0; i < kSituations; ++i) {
    absl::StrAppend(&line, i == 0 ? "" : ",", "\"", kSituationNames[i],
                    "\":", situations.count(i));
  }
  std::puts((line + "}}").c_str());
  // A CHECK aborts: what was printed tells the episode that was next.
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  SimulationOptions options;
  if (!Parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::fprintf(stderr, "simulation: --seed=%lld --requests=%lld\n",
               static_cast<long long>(options.seed),
               static_cast<long long>(options.requests));
  const absl::Status status =
      Simulate(options, [&](int64_t number, const EpisodeTally& tally,
                            const Situations& situations) {
        PrintEpisode(options.seed, number, tally, situations);
      });
  if (status.ok()) return 0;
  std::fprintf(stderr, "simulation: violation, seed %lld: %s\n",
               static_cast<long long>(options.seed),
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace sluice::generator

int main(int argc, char** argv) { return sluice::generator::Main(argc, argv); }
