#include "services/generator/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/modelfiles/safetensors.h"
#include "services/generator/make_random_model.h"
#include "services/generator/make_random_model_shape.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class InspectTest : public testing::Test {
 protected:
  InspectTest() {
    options_.out =
        fs::path(testing::TempDir()) /
        (std::string("inspect-") +
         testing::UnitTest::GetInstance()->current_test_info()->name());
    options_.family = "llama";
    options_.shape = "tiny,tied=false";
    options_.overwrite = true;
    EXPECT_TRUE(MakeRandomModel(options_).ok());
  }
  ~InspectTest() override { fs::remove_all(options_.out); }

  // Replaces the weight file by one of zeros that has these tensors.
  void WriteTensors(const std::vector<TensorSpec>& specs) {
    auto writer =
        SafetensorsWriter::Create(options_.out + "/model.safetensors", specs);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const TensorSpec& spec : specs) {
      const int64_t bytes =
          CountParameters({spec}) * TensorTypeBytes(spec.type);
      ASSERT_TRUE((*writer)->Append(std::vector<uint8_t>(bytes)).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
  }

  std::vector<TensorSpec> Specs() const {
    return DecoderTensorSpecs(*ParseRandomShape("llama", options_.shape),
                              TensorType::kF32);
  }

  RandomModelOptions options_;
};

TEST_F(InspectTest, AWholeModelCanBeServed) {
  const auto report = InspectModel(options_.out);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->servable());
  EXPECT_THAT(report->unused, IsEmpty());
  EXPECT_EQ(report->parameters, CountParameters(Specs()));
  EXPECT_EQ(report->weight_bytes, 4 * CountParameters(Specs()));
  // 2 (keys, values) * 2 layers * 2 heads * 16 elements * 2 bytes.
  EXPECT_EQ(report->kv_position_bytes, 256);
  EXPECT_EQ(InspectCommand({options_.out}), 0);
  const std::string text = FormatReport(*report);
  EXPECT_THAT(text, HasSubstr("LlamaForCausalLM"));
  EXPECT_THAT(text, HasSubstr("end of sequence ids: 256, 258"));
  EXPECT_THAT(text, HasSubstr("can be served: yes"));
}

TEST_F(InspectTest, MissingWrongAndUnusedTensorsAreNamed) {
  std::vector<TensorSpec> specs = Specs();
  ASSERT_EQ(specs[1].name, "model.layers.0.input_layernorm.weight");
  specs[1].shape = {65};
  ASSERT_EQ(specs[2].name, "model.layers.0.self_attn.q_proj.weight");
  specs[2].name = "model.layers.0.self_attn.query.weight";
  specs.push_back(
      {"model.layers.0.self_attn.rotary_emb.inv_freq", TensorType::kF32, {8}});
  WriteTensors(specs);
  const auto report = InspectModel(options_.out);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->servable());
  EXPECT_THAT(report->missing,
              ElementsAre("model.layers.0.self_attn.q_proj.weight"));
  EXPECT_THAT(report->unused,
              ElementsAre("model.layers.0.self_attn.query.weight"));
  EXPECT_THAT(report->wrong_shape,
              ElementsAre("model.layers.0.input_layernorm.weight: got [65], "
                          "wants [64]"));
  EXPECT_EQ(InspectCommand({options_.out}), 1);
}

TEST_F(InspectTest, AMissingHeadFallsBackToTheEmbedding) {
  std::vector<TensorSpec> specs = Specs();
  ASSERT_EQ(specs.back().name, "lm_head.weight");
  specs.pop_back();
  WriteTensors(specs);
  const auto report = InspectModel(options_.out);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->head_falls_back);
  EXPECT_TRUE(report->servable());
  EXPECT_THAT(FormatReport(*report), HasSubstr("the embedding serves"));
}

TEST_F(InspectTest, WhatIsNoModelIsAnError) {
  EXPECT_EQ(InspectCommand({"/nonexistent"}), 1);
  EXPECT_EQ(InspectCommand({}), 2);
}

}  // namespace
}  // namespace sluice::generator
