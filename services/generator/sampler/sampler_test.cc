#include "services/generator/sampler/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/sampler/philox.h"

namespace sluice::generator {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The definition, written out: processors, warpers with full sorts and the
// library's exp, then the inverse of the distribution function.
int32_t SlowSample(std::vector<float> s, const SamplingParams& params,
                   const SamplePoint& point) {
  if (point.seen != nullptr && params.repetition_penalty != 1.0f) {
    for (int32_t id : point.seen->ids()) {
      s[id] = s[id] < 0 ? s[id] * params.repetition_penalty
                        : s[id] / params.repetition_penalty;
    }
  }
  for (int32_t id : point.banned_ids) s[id] = -kInfinity;
  if (params.greedy()) {
    return std::max_element(s.begin(), s.end()) - s.begin();
  }
  std::vector<int32_t> order(s.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return s[a] > s[b]; });
  const size_t k =
      params.top_k == 0 ? s.size() : std::min<size_t>(params.top_k, s.size());
  const float threshold = s[order[k - 1]];
  std::vector<double> p(s.size(), 0.0);
  double total = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] < threshold) continue;
    p[i] = std::exp((double{s[i]} - s[order[0]]) / params.temperature);
    total += p[i];
  }
  double reached = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (params.top_p < 1.0f && i > 0 && reached >= params.top_p * total) {
      p[order[i]] = 0;
    }
    reached += p[order[i]];
  }
  total = std::accumulate(p.begin(), p.end(), 0.0);
  double target =
      total * UniformAt(params.seed, point.sequence_index, point.position);
  for (size_t i = 0; i < p.size(); ++i) {
    if (target < p[i]) return i;
    target -= p[i];
  }
  return -1;
}

std::vector<float> RandomLogits(std::mt19937& random, size_t size) {
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

TEST(PhiloxTest, GivesThePublishedVectors) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                       {0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, EveryArgumentChangesTheNumber) {
  const double base = UniformAt(1, 2, 3);
  EXPECT_EQ(base, UniformAt(1, 2, 3));
  EXPECT_NE(base, UniformAt(1 + (uint64_t{1} << 32), 2, 3));
  EXPECT_NE(base, UniformAt(2, 2, 3));
  EXPECT_NE(base, UniformAt(1, 3, 3));
  EXPECT_NE(base, UniformAt(1, 2, 4));
}

TEST(ExpTest, IsCloseToTheLibraryEverywhere) {
  for (int i = 0; i <= 800000; ++i) {
    const float x = -static_cast<float>(i) / 10000;
    const double exact = std::exp(double{x});
    if (x <= -80.0f) {
      EXPECT_EQ(ExpOfNegative(x), 0.0f);
    } else {
      ASSERT_NEAR(ExpOfNegative(x) / exact, 1.0, 2e-7) << x;
    }
  }
  EXPECT_EQ(ExpOfNegative(0.0f), 1.0f);
  EXPECT_EQ(ExpOfNegative(-kInfinity), 0.0f);
}

TEST(SamplerTest, GreedyTakesTheFirstIndexOfTheMaximum) {
  Sampler sampler;
  SamplingParams params;
  params.temperature = 0;
  EXPECT_EQ(*sampler.Sample({1.0f, 3.0f, 3.0f, 2.0f}, params, {}), 1);
  params.temperature = 1;
  params.do_sample = false;
  EXPECT_EQ(*sampler.Sample({-5.0f, -7.0f}, params, {}), 0);
}

TEST(SamplerTest, NanIsAnErrorAndMinusInfinityIsNot) {
  Sampler sampler;
  SamplingParams params;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(sampler.Sample({1.0f, nan}, params, {}).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(
      sampler.Sample({-kInfinity, -kInfinity}, params, {}).status().code(),
      absl::StatusCode::kInternal);
  for (int64_t position = 0; position < 100; ++position) {
    SamplePoint point;
    point.position = position;
    EXPECT_EQ(*sampler.Sample({-kInfinity, 1.0f, -kInfinity}, params, point),
              1);
  }
  EXPECT_EQ(*sampler.Sample({0.0f, kInfinity, 1.0f}, params, {}), 1);
}

TEST(SamplerTest, BannedIdsAreNeverChosenUnlessNothingElseIsLeft) {
  Sampler sampler;
  SamplingParams params;
  const std::vector<int32_t> banned = {0, 2};
  for (int64_t position = 0; position < 200; ++position) {
    SamplePoint point;
    point.banned_ids = banned;
    point.position = position;
    EXPECT_EQ(*sampler.Sample({9.0f, 1.0f, 9.0f, -kInfinity}, params, point),
              1);
  }
  SamplePoint point;
  point.banned_ids = banned;
  params.temperature = 0;
  EXPECT_EQ(*sampler.Sample({1.0f, -kInfinity, 2.0f}, params, point), 2);
}

TEST(SamplerTest, RepetitionPenaltyPushesSeenIdsDown) {
  Sampler sampler;
  SamplingParams params;
  params.temperature = 0;
  params.repetition_penalty = 2.0f;
  SeenTokens seen(3);
  seen.AddAll({0, 0, 2});
  SamplePoint point;
  point.seen = &seen;
  EXPECT_EQ(*sampler.Sample({3.0f, 1.6f, 0.0f}, params, point), 1);
  EXPECT_EQ(*sampler.Sample({3.3f, 1.6f, 0.0f}, params, point), 0);
  EXPECT_EQ(*sampler.Sample({-1.0f, -1.9f, -1.0f}, params, point), 1);
}

TEST(SamplerTest, TopKKeepsAllTies) {
  Sampler sampler;
  SamplingParams params;
  params.top_k = 2;
  std::vector<int> counts(4);
  for (int64_t position = 0; position < 3000; ++position) {
    SamplePoint point;
    point.position = position;
    ++counts[*sampler.Sample({5.0f, 4.0f, 4.0f, 3.9f}, params, point)];
  }
  EXPECT_GT(counts[1], 0);
  EXPECT_GT(counts[2], 0);
  EXPECT_EQ(counts[3], 0);
}

TEST(SamplerTest, TinyTemperatureAndTinyTopPBecomeGreedy) {
  Sampler sampler;
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> logits = RandomLogits(random, 300);
    const int32_t best =
        std::max_element(logits.begin(), logits.end()) - logits.begin();
    SamplePoint point;
    point.position = i;
    SamplingParams cold;
    cold.temperature = 1e-30f;
    EXPECT_EQ(*sampler.Sample(logits, cold, point), best);
    SamplingParams narrow;
    narrow.top_p = 1e-6f;
    EXPECT_EQ(*sampler.Sample(logits, narrow, point), best);
  }
}

TEST(SamplerTest, AgreesWithTheSlowDefinition) {
  Sampler sampler;
  std::mt19937 random(11);
  for (int i = 0; i < 4000; ++i) {
    const std::vector<float> logits = RandomLogits(random, 1 + random() % 2000);
    SamplingParams params;
    params.seed = random();
    params.temperature = 0.1f + (random() % 30) / 10.0f;
    if (random() % 2) params.top_k = 1 + random() % 100;
    if (random() % 2) params.top_p = (1 + random() % 100) / 100.0f;
    if (random() % 2) params.repetition_penalty = 0.5f + (random() % 10) / 5.0f;
    SeenTokens seen(logits.size());
    for (int j = 0; j < 20; ++j) seen.Add(random() % logits.size());
    SamplePoint point;
    point.seen = &seen;
    point.sequence_index = random() % 8;
    point.position = random() % 5000;
    const std::vector<int32_t> banned = {0};
    if (logits.size() > 1 && random() % 4 == 0) point.banned_ids = banned;
    const auto chosen = sampler.Sample(logits, params, point);
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    ASSERT_EQ(*chosen, SlowSample(logits, params, point)) << "case " << i;
  }
}

// Pearson's chi-square over 16 ids and 20,000 positions of one seed. The
// bound 44.3 is the 99.99th percentile of 15 degrees of freedom.
TEST(SamplerTest, DrawsFollowTheSoftmax) {
  Sampler sampler;
  std::mt19937 random(3);
  std::vector<float> logits(16);
  for (float& logit : logits) logit = (random() % 200) / 100.0f;
  SamplingParams params;
  params.seed = 42;
  params.temperature = 0.8f;
  constexpr int kDraws = 20000;
  std::vector<int> counts(logits.size());
  for (int64_t position = 0; position < kDraws; ++position) {
    SamplePoint point;
    point.position = position;
    ++counts[*sampler.Sample(logits, params, point)];
  }
  double total = 0;
  for (float logit : logits) total += std::exp(logit / 0.8);
  double chi_square = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * std::exp(logits[i] / 0.8) / total;
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 44.3);
}

}  // namespace
}  // namespace sluice::generator
