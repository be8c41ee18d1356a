#include "services/generator/runner/scripted_runner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/test_files.h"

namespace sluice::generator {
namespace {

constexpr char kConfig[] = R"({"architectures":["Qwen2ForCausalLM"],
  "vocab_size":50,"hidden_size":32,"intermediate_size":64,
  "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
  "max_position_embeddings":512,"rms_norm_eps":1e-6})";

class ScriptedRunnerTest : public ::testing::Test {
 protected:
  ScriptedRunnerTest() { directory_.Write("config.json", kConfig); }

  std::unique_ptr<ModelRunner> Make(ScriptedRunnerOptions options) {
    options.step_us = 0;
    auto runner = MakeScriptedRunner(directory_.path(), options);
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }

  // The likeliest token of each row; every other must be at zero.
  static std::vector<int32_t> TokensOf(ModelRunner& runner,
                                       const StepPlan& plan) {
    const auto logits = runner.Run(plan);
    EXPECT_TRUE(logits.ok());
    std::vector<int32_t> tokens;
    for (int32_t row = 0; row < logits->rows; ++row) {
      const absl::Span<const float> values = logits->Row(row);
      EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), 49);
      tokens.push_back(static_cast<int32_t>(
          std::max_element(values.begin(), values.end()) - values.begin()));
    }
    return tokens;
  }

  TempDir directory_;
};

SequenceRows Rows(std::vector<int32_t> ids, int32_t first, bool wants = true) {
  return {.token_ids = std::move(ids),
          .first_position = first,
          .block_table = {0},
          .wants_logits = wants};
}

TEST_F(ScriptedRunnerTest, TheNextTokenDoesNotDependOnNeighboursOrChunks) {
  const auto runner = Make({});
  const std::vector<int32_t> alone =
      TokensOf(*runner, {.sequences = {Rows({7, 8, 9}, 0)}});
  ASSERT_EQ(alone.size(), 1u);
  const std::vector<int32_t> among =
      TokensOf(*runner, {.sequences = {Rows({3}, 5), Rows({1, 2}, 0, false),
                                       Rows({9}, 2), Rows({9}, 3)}});
  ASSERT_EQ(among.size(), 3u);
  EXPECT_EQ(among[1], alone[0]);
  EXPECT_EQ(TokensOf(*runner, {.sequences = {Rows({9}, 2)}}), alone);
  EXPECT_EQ(TokensOf(*runner, {.sequences = {Rows({9}, 2, false)}}),
            std::vector<int32_t>());
}

TEST_F(ScriptedRunnerTest, EachDraftRowHasWhatFollowsItAlone) {
  const auto runner = Make({});
  SequenceRows drafted = Rows({7, 8, 9, 4}, 3);
  drafted.draft_rows = 2;
  const std::vector<int32_t> tokens =
      TokensOf(*runner, {.sequences = {Rows({3}, 5), drafted, Rows({1}, 0)}});
  ASSERT_EQ(tokens.size(), 5u);
  for (int32_t i = 1; i < 4; ++i) {
    EXPECT_EQ(TokensOf(*runner,
                       {.sequences = {Rows({drafted.token_ids[i]}, 3 + i)}})[0],
              tokens[i]);
  }
}

TEST_F(ScriptedRunnerTest, ManyTokensAreReached) {
  const auto runner = Make({});
  std::vector<int32_t> seen;
  int32_t token = 1;
  for (int32_t position = 0; position < 400; ++position) {
    token = TokensOf(*runner, {.sequences = {Rows({token}, position)}})[0];
    seen.push_back(token);
  }
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_GT(seen.size(), 40u);  // of 50; 400 fair draws miss 0.02 of them
}

TEST_F(ScriptedRunnerTest, SizesAreThoseOfTheModelOrOfTheOptions) {
  const auto by_model = Make({.kv_cache_bytes = 1 << 20});
  EXPECT_EQ(by_model->info().vocabulary_size, 50);
  EXPECT_EQ(by_model->info().context_length, 512);
  // 2 layers, keys and values of 2 heads of 8, 2 bytes, 32 positions.
  EXPECT_EQ(by_model->info().block_bytes, 4096);
  EXPECT_EQ(by_model->info().block_count, 256);
  const auto by_options = Make({.block_count = 9, .max_context = 100'000});
  EXPECT_EQ(by_options->info().block_count, 9);
  EXPECT_EQ(by_options->info().context_length, 100'000);
  EXPECT_FALSE(
      MakeScriptedRunner(directory_.path(), {.kv_cache_bytes = 1}).ok());
}

TEST_F(ScriptedRunnerTest, TheStepTimeIsPartOfTheName) {
  ScriptedRunnerOptions options;
  EXPECT_TRUE(*ParseScriptedBackend("scripted", options));
  EXPECT_EQ(options.step_us, ScriptedRunnerOptions().step_us);
  EXPECT_TRUE(*ParseScriptedBackend("scripted:2500", options));
  EXPECT_EQ(options.step_us, 2500);
  EXPECT_FALSE(*ParseScriptedBackend("native", options));
  EXPECT_FALSE(*ParseScriptedBackend("scriptedx", options));
  for (const char* wrong :
       {"scripted:", "scripted:-1", "scripted:x", "scripted:10000001"}) {
    EXPECT_FALSE(ParseScriptedBackend(wrong, options).ok()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::generator
