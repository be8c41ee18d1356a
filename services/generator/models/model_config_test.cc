#include "services/generator/models/model_config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A valid config with `extra` members put in front (the parser refuses the same
// key twice, so a test that changes one uses Replace).
std::string Config(const std::string& extra = "") {
  return "{" + extra +
         R"("architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
         "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96,
         "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 512,
         "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
         "hidden_act": "silu", "tie_word_embeddings": true,
         "eos_token_id": 7})";
}

std::string Replace(std::string text, const std::string& from,
                    const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string ErrorOf(const std::string& json, absl::StatusCode code) {
  const auto result = ParseModelConfig(json, "");
  EXPECT_EQ(result.status().code(), code) << result.status();
  return std::string(result.status().message());
}

TEST(ModelConfig, ReadsQwen2) {
  const auto model = ParseModelConfig(Config(), "");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->architecture, "Qwen2ForCausalLM");
  EXPECT_EQ(model->vocabulary_size, 1000);
  EXPECT_EQ(model->hidden_size, 64);
  EXPECT_EQ(model->ffn_size, 96);
  EXPECT_EQ(model->layers, 2);
  EXPECT_EQ(model->heads, 4);
  EXPECT_EQ(model->kv_heads, 2);
  EXPECT_EQ(model->head_dim, 16);
  EXPECT_EQ(model->max_positions, 512);
  EXPECT_EQ(model->rope_theta, 1e6);
  EXPECT_EQ(model->rms_norm_eps, 1e-6);
  EXPECT_TRUE(model->tied_head);
  EXPECT_TRUE(model->qkv_bias);
  EXPECT_FALSE(model->output_bias);
  EXPECT_THAT(model->eos_ids, ElementsAre(7));
}

TEST(ModelConfig, LlamaHasBiasesOnlyWhenItSaysSo) {
  const std::string llama =
      Replace(Config(), "Qwen2ForCausalLM", "LlamaForCausalLM");
  const auto plain = ParseModelConfig(llama, "");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->qkv_bias);
  const auto biased =
      ParseModelConfig(Replace(llama, "{", R"({"attention_bias": true, )"), "");
  ASSERT_TRUE(biased.ok()) << biased.status();
  EXPECT_TRUE(biased->qkv_bias);
  EXPECT_TRUE(biased->output_bias);
}

TEST(ModelConfig, NewRopeSpellingWinsAndTheDefaultBaseIs10000) {
  const auto both =
      ParseModelConfig(Config(R"("rope_parameters": {"rope_type": "default",
                "rope_theta": 5e5}, )"),
                       "");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->rope_theta, 5e5);
  const auto none = ParseModelConfig(
      Replace(Config(), R"("rope_theta": 1000000.0,)", ""), "");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->rope_theta, 10000.0);
}

TEST(ModelConfig, EosIdsAreTheUnionOfBothFiles) {
  const auto model =
      ParseModelConfig(Config(), R"({"eos_token_id": [9, 7, 3]})");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->eos_ids, ElementsAre(3, 7, 9));
}

TEST(ModelConfig, ExplicitHeadDimWins) {
  const auto model = ParseModelConfig(Config(R"("head_dim": 32, )"), "");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->head_dim, 32);
  EXPECT_EQ(model->query_size(), 128);
  EXPECT_EQ(model->kv_size(), 64);
  const auto null = ParseModelConfig(Config(R"("head_dim": null, )"), "");
  ASSERT_TRUE(null.ok()) << null.status();
  EXPECT_EQ(null->head_dim, 16);
}

TEST(ModelConfig, ModelTypeStandsInForAMissingArchitecture) {
  const auto model = ParseModelConfig(
      Replace(Config(), R"("architectures": ["Qwen2ForCausalLM"],)", ""), "");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->architecture, "Qwen2ForCausalLM");
}

TEST(ModelConfig, UnknownArchitectureNamesThoseWeHave) {
  const std::string message =
      ErrorOf(Replace(Config(), "Qwen2ForCausalLM", "MambaForCausalLM"),
              absl::StatusCode::kUnimplemented);
  EXPECT_THAT(message, HasSubstr("MambaForCausalLM"));
  EXPECT_THAT(message, HasSubstr("LlamaForCausalLM, Qwen2ForCausalLM"));
}

TEST(ModelConfig, SwitchesWeLackAreRefusedByName) {
  const struct {
    std::string json, field;
  } kCases[] = {
      {Config(R"("use_sliding_window": true, )"), "use_sliding_window"},
      {Config(R"("rope_scaling": {"type": "yarn", "factor": 4.0}, )"),
       "rope_scaling.type"},
      {Config(R"("rope_parameters": {"rope_type": "llama3"}, )"),
       "rope_parameters.rope_type"},
      {Config(R"("quantization_config": {"bits": 4}, )"),
       "quantization_config"},
      {Config(R"("partial_rotary_factor": 0.5, )"), "partial_rotary_factor"},
      {Replace(Config(), R"("silu")", R"("gelu")"), "hidden_act"},
      {Replace(Config(R"("mlp_bias": true, )"), "Qwen2For", "LlamaFor"),
       "mlp_bias"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(ErrorOf(c.json, absl::StatusCode::kUnimplemented),
                HasSubstr("config.json: " + c.field + ":"));
  }
}

TEST(ModelConfig, AWindowThatIsSwitchedOffIsIgnored) {
  EXPECT_TRUE(ParseModelConfig(Config(R"("use_sliding_window": false,
                                          "sliding_window": 32768, )"),
                               "")
                  .ok());
}

TEST(ModelConfig, BadValuesAreNamed) {
  const struct {
    std::string from, to, field;
  } kCases[] = {
      {R"("vocab_size": 1000)", R"("vocab_size": 0)", "vocab_size"},
      {R"("vocab_size": 1000)", R"("vocab_size": 4294967296)", "vocab_size"},
      {R"("hidden_size": 64)", R"("hidden_size": "64")", "hidden_size"},
      {R"("hidden_size": 64)", R"("hidden_size": 66)", "hidden_size"},
      {R"("hidden_size": 64)", R"("hidden_size": 12)", "head_dim"},
      {R"("num_hidden_layers": 2)", R"("num_hidden_layers": -1)",
       "num_hidden_layers"},
      {R"("num_key_value_heads": 2)", R"("num_key_value_heads": 3)",
       "num_key_value_heads"},
      {R"("intermediate_size": 96,)", "", "intermediate_size"},
      {R"("rms_norm_eps": 1e-6)", R"("rms_norm_eps": 0)", "rms_norm_eps"},
      {R"("rope_theta": 1000000.0)", R"("rope_theta": -1)", "rope_theta"},
      {R"("eos_token_id": 7)", R"("eos_token_id": 1000)", "eos_token_id"},
      {R"("max_position_embeddings": 512)", R"("max_position_embeddings": 1.5)",
       "max_position_embeddings"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(ErrorOf(Replace(Config(), c.from, c.to),
                        absl::StatusCode::kInvalidArgument),
                HasSubstr("config.json: " + c.field))
        << c.to;
  }
  EXPECT_THAT(ErrorOf("[]", absl::StatusCode::kInvalidArgument),
              HasSubstr("config.json"));
  EXPECT_THAT(ErrorOf("{", absl::StatusCode::kInvalidArgument),
              HasSubstr("config.json"));
}

TEST(ModelConfig, AMissingDirectoryIsNotFound) {
  EXPECT_EQ(ReadModelConfig("/nowhere/at/all").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice::generator
