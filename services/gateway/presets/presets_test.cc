#include "services/gateway/presets/presets.h"

#include <gtest/gtest.h>

namespace sluice::gateway {
namespace {

const Preset& Named(const PresetCatalog& catalog, std::string_view name) {
  return **catalog.Find("preset", name);
}

TEST(Presets, BuiltInOnesHaveTheValuesOfTheGuide) {
  const PresetCatalog catalog = PresetCatalog::BuiltIn();
  struct Row {
    std::string name;
    double temperature;
    int64_t top_k;
    double top_p;
    int64_t max_new_tokens;
    double penalty;
  };
  for (const Row& row : {Row{"speed", .3, 30, .8, 64, 1.1},
                         Row{"balanced", .5, 40, .9, 128, 1.2},
                         Row{"quality", .7, 50, .95, 256, 1.3}}) {
    const api::SamplingParams& params = Named(catalog, row.name).params;
    EXPECT_EQ(params.temperature, row.temperature) << row.name;
    EXPECT_EQ(params.top_k, row.top_k) << row.name;
    EXPECT_EQ(params.top_p, row.top_p) << row.name;
    EXPECT_EQ(params.max_new_tokens, row.max_new_tokens) << row.name;
    EXPECT_EQ(params.repetition_penalty, row.penalty) << row.name;
  }
  EXPECT_EQ(catalog.presets().size(), 3u);
}

TEST(Presets, UnknownNameIsNotFoundAndListsTheKnownOnes) {
  const auto found = PresetCatalog::BuiltIn().Find("preset", "fast");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(found.status().message(),
            "preset: no such preset, got \"fast\", limit one of speed, "
            "balanced, quality");
}

TEST(Presets, EmptyNameMeansNone) {
  const auto found = PresetCatalog::BuiltIn().Find("preset", "");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, nullptr);
}

TEST(ResolveParams, RequestWinsOverPresetOverModel) {
  const PresetCatalog catalog = PresetCatalog::BuiltIn();
  api::SamplingParams request;
  request.top_k = 7;
  api::SamplingParams model;
  model.top_k = 1;
  model.top_p = 0.1;
  model.ignore_eos = true;
  const auto params =
      ResolveParams(request, &Named(catalog, "speed"), model, 4096);
  EXPECT_EQ(params.top_k, 7);
  EXPECT_EQ(params.top_p, 0.8);
  EXPECT_EQ(params.ignore_eos, true);
  EXPECT_FALSE(params.min_new_tokens.has_value());
}

TEST(ResolveParams, WithoutPresetTheModelDecidesWhatTheRequestLeavesOpen) {
  api::SamplingParams model;
  model.temperature = 0.9;
  model.do_sample = false;
  const auto params = ResolveParams({}, nullptr, model, 4096);
  EXPECT_EQ(params.temperature, 0.9);
  EXPECT_EQ(params.do_sample, false);
  EXPECT_FALSE(params.max_new_tokens.has_value());
}

TEST(ResolveParams, TemperatureOfAHigherLayerSamplesUnlessThatLayerSaysNot) {
  api::SamplingParams model;
  model.do_sample = false;
  api::SamplingParams request;
  request.temperature = 0.5;
  EXPECT_EQ(ResolveParams(request, nullptr, model, 4096).do_sample, true);
  request.do_sample = false;
  EXPECT_EQ(ResolveParams(request, nullptr, model, 4096).do_sample, false);
  api::SamplingParams only_greedy;
  only_greedy.do_sample = false;
  const PresetCatalog catalog = PresetCatalog::BuiltIn();
  EXPECT_EQ(ResolveParams(only_greedy, &Named(catalog, "speed"), model, 4096)
                .do_sample,
            false);
}

TEST(ResolveParams, PresetIsCutToTheContextAndTheRequestIsNot) {
  const PresetCatalog catalog = PresetCatalog::BuiltIn();
  EXPECT_EQ(
      ResolveParams({}, &Named(catalog, "quality"), {}, 100).max_new_tokens,
      100);
  api::SamplingParams request;
  request.max_new_tokens = 200;
  EXPECT_EQ(ResolveParams(request, nullptr, {}, 100).max_new_tokens, 200);
}

TEST(ResolveParams, StopsOfTheRequestReplaceThoseOfTheModel) {
  api::SamplingParams model;
  model.stop = {"M"};
  api::SamplingParams request;
  EXPECT_EQ(ResolveParams(request, nullptr, model, 10).stop,
            std::vector<std::string>{"M"});
  request.stop = {"R"};
  EXPECT_EQ(ResolveParams(request, nullptr, model, 10).stop,
            std::vector<std::string>{"R"});
}

}  // namespace
}  // namespace sluice::gateway
