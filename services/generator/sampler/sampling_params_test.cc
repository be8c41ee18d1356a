#include "services/generator/sampler/sampling_params.h"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/sampler/generation_config.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

constexpr ParamsLimits kLimits = {.context_length = 100,
                                  .vocabulary_size = 50,
                                  .prompt_tokens = 40,
                                  .drawn_seed = 77};

TEST(SamplingParamsTest, AbsentFieldsTakeDefaultsThenNeutralValues) {
  SamplingOverrides defaults;
  defaults.temperature = 0.7f;
  defaults.top_k = 20;
  SamplingOverrides request;
  request.top_k = 5;
  const auto params = ResolveParams(request, defaults, kLimits);
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_EQ(params->temperature, 0.7f);
  EXPECT_EQ(params->top_k, 5);
  EXPECT_EQ(params->top_p, 1.0f);
  EXPECT_EQ(params->repetition_penalty, 1.0f);
  EXPECT_EQ(params->seed, 77u);
  EXPECT_EQ(params->max_new_tokens, 60);
  EXPECT_FALSE(params->greedy());
}

TEST(SamplingParamsTest, ZeroIsAValueAndNotAbsent) {
  SamplingOverrides defaults;
  defaults.temperature = 0.7f;
  defaults.top_k = 20;
  SamplingOverrides request;
  request.temperature = 0.0f;
  request.top_k = 0;
  request.seed = 0;
  const auto params = ResolveParams(request, defaults, kLimits);
  ASSERT_TRUE(params.ok());
  EXPECT_TRUE(params->greedy());
  EXPECT_EQ(params->top_k, 0);
  EXPECT_EQ(params->seed, 0u);
}

TEST(SamplingParamsTest, NamedTemperatureSamplesUnlessDoSampleSaysOtherwise) {
  SamplingOverrides defaults;
  defaults.do_sample = false;
  SamplingOverrides request;
  EXPECT_TRUE(ResolveParams(request, defaults, kLimits)->greedy());
  request.temperature = 0.5f;
  EXPECT_FALSE(ResolveParams(request, defaults, kLimits)->greedy());
  request.do_sample = false;
  EXPECT_TRUE(ResolveParams(request, defaults, kLimits)->greedy());
}

TEST(SamplingParamsTest, MaxNewTokensEndsAtTheContext) {
  SamplingOverrides request;
  request.max_new_tokens = 100;
  EXPECT_EQ(ResolveParams(request, {}, kLimits)->max_new_tokens, 60);
  request.max_new_tokens = 10;
  EXPECT_EQ(ResolveParams(request, {}, kLimits)->max_new_tokens, 10);
  SamplingOverrides defaults;
  defaults.max_new_tokens = 2048;
  EXPECT_EQ(ResolveParams({}, defaults, kLimits)->max_new_tokens, 60);
}

TEST(SamplingParamsTest, ValuesOutOfRangeAreRefusedByName) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<
      std::pair<std::string, std::function<void(SamplingOverrides&)>>>
      cases = {
          {"params.temperature: out of range, got nan, limit 0 to 100",
           [&](auto& p) { p.temperature = nan; }},
          {"params.temperature", [](auto& p) { p.temperature = -0.1f; }},
          {"params.temperature", [&](auto& p) { p.temperature = infinity; }},
          {"params.top_k", [](auto& p) { p.top_k = -1; }},
          {"params.top_p", [](auto& p) { p.top_p = 0.0f; }},
          {"params.top_p: out of range, got 1.5",
           [](auto& p) { p.top_p = 1.5f; }},
          {"params.top_p", [&](auto& p) { p.top_p = nan; }},
          {"params.repetition_penalty",
           [](auto& p) { p.repetition_penalty = 0.0f; }},
          {"params.repetition_penalty",
           [&](auto& p) { p.repetition_penalty = nan; }},
          {"params.max_new_tokens: out of range, got 0, limit 1 to 100",
           [](auto& p) { p.max_new_tokens = 0; }},
          {"params.max_new_tokens", [](auto& p) { p.max_new_tokens = 101; }},
          {"params.min_new_tokens", [](auto& p) { p.min_new_tokens = -1; }},
          {"params.min_new_tokens",
           [](auto& p) {
             p.max_new_tokens = 5;
             p.min_new_tokens = 6;
           }},
          {"params.stop: too many, got 17, limit 16",
           [](auto& p) { p.stop.assign(17, "x"); }},
          {"params.stop[1]: length out of range, got 0 bytes",
           [](auto& p) {
             p.stop = {"x", ""};
           }},
          {"params.stop[0]", [](auto& p) { p.stop = {std::string(129, 'x')}; }},
          {"params.stop_token_ids: too many",
           [](auto& p) { p.stop_token_ids.assign(65, 1); }},
          {"params.stop_token_ids[1]: no such id, got 50, limit 0 to 49",
           [](auto& p) {
             p.stop_token_ids = {1, 50};
           }},
          {"params.stop_token_ids[0]",
           [](auto& p) { p.stop_token_ids = {-1}; }},
      };
  for (const auto& [message, spoil] : cases) {
    SamplingOverrides request;
    spoil(request);
    const auto params = ResolveParams(request, {}, kLimits);
    EXPECT_EQ(params.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(params.status().message()), HasSubstr(message));
  }
}

TEST(SamplingParamsTest, LimitsThemselvesAreAccepted) {
  SamplingOverrides request;
  request.temperature = 100.0f;
  request.top_k = std::numeric_limits<int32_t>::max();
  request.top_p = 1.0f;
  request.repetition_penalty = 100.0f;
  request.max_new_tokens = 100;
  request.min_new_tokens = 100;
  request.stop.assign(16, std::string(128, 'x'));
  request.stop_token_ids.assign(64, 49);
  EXPECT_TRUE(ResolveParams(request, {}, kLimits).ok());
}

TEST(GenerationConfigTest, ReadsWhatTransformersWrites) {
  const auto defaults = ParseSamplingDefaults(
      R"({"bos_token_id": 1, "do_sample": true, "eos_token_id": [2, 3],
          "repetition_penalty": 1.1, "temperature": 0.7, "top_k": 20,
          "top_p": 0.8, "max_new_tokens": 2048, "pad_token_id": null,
          "transformers_version": "4.37.0"})");
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  EXPECT_EQ(defaults->temperature, 0.7f);
  EXPECT_EQ(defaults->top_k, 20);
  EXPECT_EQ(defaults->top_p, 0.8f);
  EXPECT_EQ(defaults->repetition_penalty, 1.1f);
  EXPECT_EQ(defaults->max_new_tokens, 2048);
  EXPECT_EQ(defaults->do_sample, true);
  EXPECT_FALSE(defaults->min_new_tokens.has_value());
}

TEST(GenerationConfigTest, MissingFileSetsNothing) {
  const auto defaults = ReadSamplingDefaults(::testing::TempDir() + "/absent");
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  EXPECT_FALSE(defaults->temperature.has_value());
}

TEST(GenerationConfigTest, BadValuesAreRefusedByFileAndField) {
  const auto defaults = ParseSamplingDefaults(R"({"top_p": 7})");
  EXPECT_THAT(std::string(defaults.status().message()),
              HasSubstr("generation_config.json: params.top_p: out of range"));
  EXPECT_FALSE(ParseSamplingDefaults(R"({"top_k": "many"})").ok());
  EXPECT_FALSE(ParseSamplingDefaults("[").ok());
}

}  // namespace
}  // namespace sluice::generator
