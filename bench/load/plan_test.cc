// What is fixed before a run: lengths, arrivals, requests; and percentiles.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "bench/load/length_distribution.h"
#include "bench/load/options.h"
#include "bench/load/samples.h"
#include "bench/load/schedule.h"
#include "bench/load/workload.h"

namespace sluice::load {
namespace {

double MeanOf(const LengthDistribution& lengths, int32_t draws) {
  SeededRandom random(7);
  double sum = 0;
  for (int32_t i = 0; i < draws; ++i) sum += lengths.Draw(random);
  return sum / draws;
}

TEST(LengthDistributionTest, DrawsHaveTheShapeThatWasAskedFor) {
  SeededRandom random(1);
  const auto uniform = LengthDistribution::Parse("x", "uniform:3:6");
  ASSERT_TRUE(uniform.ok());
  std::set<int32_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(uniform->Draw(random));
  EXPECT_EQ(seen, (std::set<int32_t>{3, 4, 5, 6}));
  EXPECT_EQ(LengthDistribution::Parse("x", "17")->Draw(random), 17);
  // Deviation of a mean of 20,000 draws: 100 / 141 and, for the lognormal
  // (deviation 60 around a mean of 100 exp(1/8)), 0.43; six of each.
  EXPECT_NEAR(
      MeanOf(*LengthDistribution::Parse("x", "exponential:100:99999"), 20'000),
      100, 4.5);
  EXPECT_NEAR(MeanOf(*LengthDistribution::Parse("x", "lognormal:100:0.5:99999"),
                     20'000),
              113.3, 2.6);
}

TEST(LengthDistributionTest, NoDrawLeavesOneToTheMaximum) {
  SeededRandom random(2);
  for (const char* text : {"exponential:5:8", "lognormal:5:3:8"}) {
    const auto lengths = LengthDistribution::Parse("x", text);
    ASSERT_TRUE(lengths.ok());
    std::set<int32_t> seen;
    for (int i = 0; i < 2000; ++i) seen.insert(lengths->Draw(random));
    EXPECT_EQ(*seen.begin(), 1) << text;
    EXPECT_EQ(*seen.rbegin(), 8) << text;
  }
}

TEST(LengthDistributionTest, WhatIsNoDistributionIsRefused) {
  for (const char* text :
       {"", "0", "-1", "x", "uniform:5:4", "uniform:1", "exponential:0:5",
        "exponential:nan:5", "lognormal:5:1", "normal:5:1", "1.5",
        "99999999999"}) {
    const auto lengths = LengthDistribution::Parse("prompt_tokens", text);
    EXPECT_TRUE(absl::IsInvalidArgument(lengths.status())) << text;
    EXPECT_TRUE(lengths.status().message().find("prompt_tokens:") == 0);
  }
}

TEST(ScheduleTest, PhasesAreReadAndNonsenseIsRefused) {
  const auto phases = ParsePhases("10:2,0:1.5,200:60");
  ASSERT_TRUE(phases.ok());
  ASSERT_EQ(phases->size(), 3u);
  EXPECT_EQ((*phases)[2].rate, 200);
  EXPECT_EQ(TotalDuration(*phases), 63'500 * kNanosPerMilli);
  for (const char* text : {"", "10", "10:0", "-1:5", "10:x", "1e9:1000",
                           "inf:1", "nan:1", "1:2:3", "10:2,"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePhases(text).status())) << text;
  }
}

TEST(ScheduleTest, ArrivalsAscendAndKeepTheRateOfTheirPhase) {
  SeededRandom random(3);
  const std::vector<Phase> phases = {{100, 10}, {0, 5}, {1000, 10}};
  const std::vector<Nanos> arrivals = DrawArrivals(phases, true, random);
  EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end()));
  EXPECT_LT(arrivals.back(), TotalDuration(phases));
  const auto count = [&arrivals](double from, double to) {
    return std::count_if(arrivals.begin(), arrivals.end(), [&](Nanos at) {
      return ToSeconds(at) >= from && ToSeconds(at) < to;
    });
  };
  // Six deviations of a Poisson count: 6 * sqrt(expected).
  EXPECT_NEAR(count(0, 10), 1000, 190);
  EXPECT_EQ(count(10, 15), 0);
  EXPECT_NEAR(count(15, 25), 10'000, 600);
}

TEST(ScheduleTest, PoissonGapsVaryAsTheyShouldAndEvenOnesDoNot) {
  SeededRandom random(4);
  const std::vector<Phase> phases = {{1000, 20}};
  const std::vector<Nanos> arrivals = DrawArrivals(phases, true, random);
  double sum = 0;
  double squares = 0;
  for (size_t i = 1; i < arrivals.size(); ++i) {
    const double gap = ToSeconds(arrivals[i] - arrivals[i - 1]);
    sum += gap;
    squares += gap * gap;
  }
  const double count = static_cast<double>(arrivals.size() - 1);
  const double mean = sum / count;
  const double variance = squares / count - mean * mean;
  // Of an exponential the deviation equals the mean; 20,000 gaps: 5%.
  EXPECT_NEAR(variance / (mean * mean), 1, 0.1);
  const std::vector<Nanos> even = DrawArrivals({{4, 1}}, false, random);
  EXPECT_EQ(even,
            (std::vector<Nanos>{250 * kNanosPerMilli, 500 * kNanosPerMilli,
                                750 * kNanosPerMilli}));
}

TEST(SamplesTest, PercentilesAreThoseOfTheWholeSet) {
  SeededRandom random(5);
  for (const size_t count : {1u, 2u, 3u, 10u, 99u, 100u, 101u, 1000u}) {
    Samples samples;
    std::vector<Nanos> values;
    for (size_t i = 0; i < count; ++i) {
      values.push_back(static_cast<Nanos>(random.Next() % 500));
      samples.Add(values.back());
    }
    for (const int percent : {1, 50, 90, 99, 100}) {
      // The definition, in whole numbers: the least value that at least
      // percent / 100 of all values do not exceed.
      Nanos expected = -1;
      for (const Nanos value : values) {
        const auto below = static_cast<size_t>(
            std::count_if(values.begin(), values.end(),
                          [value](Nanos other) { return other <= value; }));
        const bool enough = below * 100 >= count * percent;
        if (enough && (expected < 0 || value < expected)) expected = value;
      }
      EXPECT_EQ(samples.Percentile(percent), expected) << count;
    }
    EXPECT_EQ(samples.Max(), *std::max_element(values.begin(), values.end()));
  }
  EXPECT_EQ(Samples().Percentile(99), 0);
}

TEST(SamplesTest, TheThousandthPartIsExactToo) {
  Samples samples;
  for (Nanos i = 1000; i >= 1; --i) samples.Add(i);
  EXPECT_EQ(samples.Percentile(99.9), 999);
  samples.Add(2000);
  EXPECT_EQ(samples.Percentile(99.9), 1000);
  EXPECT_EQ(samples.Max(), 2000);
}

TEST(WorkloadTest, ARequestDependsOnNothingButOptionsAndIndex) {
  WorkloadOptions options;
  options.prompt_tokens = *LengthDistribution::Parse("x", "uniform:5:50");
  options.cancel_share = 0.5;
  const PlannedRequest first = PlanRequest(options, false, 12);
  for (int64_t i = 0; i < 12; ++i) PlanRequest(options, false, i);
  const PlannedRequest again = PlanRequest(options, false, 12);
  EXPECT_EQ(first.prompt, again.prompt);
  EXPECT_EQ(first.seed, again.seed);
  EXPECT_EQ(first.cancel_after, again.cancel_after);
  EXPECT_NE(first.prompt, PlanRequest(options, false, 13).prompt);
  options.seed = 2;
  EXPECT_NE(first.prompt, PlanRequest(options, false, 12).prompt);
}

TEST(WorkloadTest, SharesPrefixesAndTenantsComeAsOrdered) {
  WorkloadOptions options;
  options.prefix_tokens = 10;
  options.prefixes = 3;
  options.prefix_share = 0.5;
  options.prompt_tokens = LengthDistribution(5);
  options.slow_share = 0.25;
  options.cancel_share = 0.1;
  options.vocabulary_size = 100;
  options.tenants = {{"a", 3}, {"b", 1}};
  std::set<std::vector<int32_t>> prefixes;
  int64_t with_prefix = 0;
  int64_t slow = 0;
  int64_t cancelled = 0;
  int64_t of_a = 0;
  constexpr int64_t kRequests = 4000;
  for (int64_t i = 0; i < kRequests; ++i) {
    const PlannedRequest request = PlanRequest(options, true, i);
    const std::vector<int32_t>& ids = request.prompt_ids;
    ASSERT_TRUE(ids.size() == 5 || ids.size() == 15);
    for (const int32_t id : ids) ASSERT_TRUE(id >= 0 && id < 100);
    if (ids.size() == 15) prefixes.emplace(ids.begin(), ids.begin() + 10);
    with_prefix += ids.size() == 15;
    slow += request.slow;
    cancelled += request.cancel_after.has_value();
    of_a += request.tenant_name == "a";
  }
  EXPECT_EQ(prefixes.size(), 3u);
  // Six deviations of a binomial count of 4,000.
  EXPECT_NEAR(with_prefix, 2000, 190);
  EXPECT_NEAR(slow, 1000, 165);
  EXPECT_NEAR(cancelled, 400, 114);
  EXPECT_NEAR(of_a, 3000, 165);
}

TEST(WorkloadTest, EqualQuestionsAreAskedInTheSameWords) {
  WorkloadOptions options;
  options.questions = 4;
  options.prompt_tokens = *LengthDistribution::Parse("x", "uniform:5:50");
  std::vector<PlannedRequest> known(4);
  std::set<int32_t> asked;
  for (int64_t i = 0; i < 200; ++i) {
    const PlannedRequest request = PlanRequest(options, false, i);
    ASSERT_TRUE(request.question >= 0 && request.question < 4);
    PlannedRequest& same = known[request.question];
    if (asked.insert(request.question).second) same = request;
    EXPECT_EQ(request.prompt, same.prompt);
    EXPECT_EQ(request.seed, same.seed);
    EXPECT_EQ(request.max_new_tokens, same.max_new_tokens);
  }
  EXPECT_EQ(asked.size(), 4u);
}

TEST(OptionsTest, TenantsAreReadAndWrongOptionsAreRefused) {
  const auto tenants = ParseTenants("a=50,b,c=d=2");
  ASSERT_TRUE(tenants.ok());
  ASSERT_EQ(tenants->size(), 3u);
  EXPECT_EQ((*tenants)[0].weight, 50);
  EXPECT_EQ((*tenants)[1].weight, 1);
  EXPECT_EQ((*tenants)[2].name, "c=d");
  for (const char* text : {",", "=5", "a=", "a=0", "a=-1", "a=nan"}) {
    EXPECT_FALSE(ParseTenants(text).ok()) << text;
  }
  LoadOptions options;
  EXPECT_TRUE(CheckOptions(options).ok());
  options.workload.tenants = {{"a", 1}};
  EXPECT_FALSE(CheckOptions(options).ok());
  options.target.face = "generator";
  EXPECT_TRUE(CheckOptions(options).ok());
  options.target.server = "nowhere";
  EXPECT_FALSE(CheckOptions(options).ok());
  options = {};
  options.workload.cancel_share = 1.5;
  EXPECT_FALSE(CheckOptions(options).ok());
  options = {};
  options.pace.requests = 0;
  EXPECT_FALSE(CheckOptions(options).ok());
}

}  // namespace
}  // namespace sluice::load
