#include "tests/simulation/simulation.h"

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

TEST(SimulationTest, ShortRunsBreakNoPromiseAndMeetEverySituation) {
  std::array<int64_t, kSituations> met = {};
  EpisodeTally all;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.requests = 1500;
    options.requests_per_episode = 150;
    const absl::Status status =
        Simulate(options, [&](int64_t episode, const EpisodeTally& tally,
                              const Situations& situations) {
          for (size_t i = 0; i < kSituations; ++i) {
            met[i] += situations.count(i);
          }
          all.requests += tally.requests;
          all.finished += tally.finished;
          all.failed += tally.failed;
          all.refused += tally.refused;
          all.steps += tally.steps;
          all.requests_in_steps += tally.requests_in_steps;
        });
    ASSERT_TRUE(status.ok()) << "seed " << seed << ": " << status;
  }
  EXPECT_EQ(all.requests, 6000);
  EXPECT_EQ(all.finished + all.failed + all.refused, all.requests);
  EXPECT_GE(all.requests_in_steps, 8 * all.steps);
  for (size_t i = 0; i < kSituations; ++i) {
    EXPECT_GT(met[i], 0) << kSituationNames[i];
  }
}

TEST(SimulationTest, OneSeedReplaysEverything) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    SimulationOptions options;
    options.seed = 77;
    options.requests = 300;
    options.requests_per_episode = 100;
    std::string story;
    const auto status =
        Simulate(options, [&](int64_t episode, const EpisodeTally& tally,
                              const Situations& situations) {
          for (size_t i = 0; i < kSituations; ++i) {
            story += std::to_string(situations.count(i)) + ",";
          }
          story += std::to_string(tally.generated_tokens) + ";";
        });
    ASSERT_TRUE(status.ok()) << status;
    if (run == 0) first = story;
    EXPECT_EQ(story, first);
  }
}

}  // namespace
}  // namespace sluice::generator
