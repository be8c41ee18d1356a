// The shared object through the loader, as the engine uses it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/modelfiles/safetensors.h"
#include "services/generator/make_random_model.h"
#include "services/generator/make_random_model_shape.h"
#include "services/generator/runner/torch_backend.h"

#ifdef SLUICE_TORCH_LIBRARY

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class TorchRunnerTest : public testing::Test {
 protected:
  TorchRunnerTest() {
    model_.out = fs::path(testing::TempDir()) /
                 ("torch-runner-" + std::to_string(getpid()));
    model_.overwrite = true;
    options_.model_directory = model_.out;
    options_.library_path = SLUICE_TORCH_LIBRARY;
    options_.threads = 1;
    options_.kv_cache_bytes = 1 << 20;
  }
  ~TorchRunnerTest() override { fs::remove_all(model_.out); }

  // Weights of zeros with these tensors in place of those of the model.
  void WriteTensors(const std::vector<TensorSpec>& specs) {
    auto writer =
        SafetensorsWriter::Create(model_.out + "/model.safetensors", specs);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const TensorSpec& spec : specs) {
      ASSERT_TRUE((*writer)
                      ->Append(std::vector<uint8_t>(CountParameters({spec}) *
                                                    TensorTypeBytes(spec.type)))
                      .ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
  }

  std::vector<TensorSpec> Specs() const {
    return DecoderTensorSpecs(*ParseRandomShape(model_.family, model_.shape),
                              TensorType::kF32);
  }

  void ExpectRefused(absl::StatusCode code,
                     const testing::Matcher<std::string>& message) const {
    const auto runner = LoadTorchRunner(options_);
    EXPECT_EQ(runner.status().code(), code) << runner.status();
    EXPECT_THAT(std::string(runner.status().message()), message);
  }

  RandomModelOptions model_;
  TorchRunnerOptions options_;
};

TEST_F(TorchRunnerTest, InfoSaysWhatWasLoaded) {
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  const auto runner = LoadTorchRunner(options_);
  ASSERT_TRUE(runner.ok()) << runner.status();
  const RunnerInfo& info = (*runner)->info();
  EXPECT_EQ(info.backend, "torch");
  EXPECT_EQ(info.architecture, "Qwen2ForCausalLM");
  EXPECT_EQ(info.vocabulary_size, 512);
  EXPECT_EQ(info.threads, 1);
  EXPECT_EQ(info.parameters, CountParameters(Specs()));
  // 2 (keys, values) * 2 layers * 32 positions * 2 heads * 16 * 4 bytes.
  EXPECT_EQ(info.block_bytes, 16384);
  EXPECT_EQ(info.block_count, 64);
  EXPECT_EQ(info.context_length, 1024);
  EXPECT_THAT(info.fingerprint, HasSubstr("torch"));
}

TEST_F(TorchRunnerTest, TheContextNeverPassesThePool) {
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  options_.block_count = 3;
  auto runner = LoadTorchRunner(options_);
  ASSERT_TRUE(runner.ok()) << runner.status();
  EXPECT_EQ((*runner)->info().context_length, 96);
  options_.max_context = 50;
  runner = LoadTorchRunner(options_);
  ASSERT_TRUE(runner.ok()) << runner.status();
  EXPECT_EQ((*runner)->info().context_length, 50);
}

TEST_F(TorchRunnerTest, FingerprintsTellModelsApart) {
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  const auto first = LoadTorchRunner(options_);
  const auto again = LoadTorchRunner(options_);
  model_.seed = 2;
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  const auto other = LoadTorchRunner(options_);
  ASSERT_TRUE(first.ok() && again.ok() && other.ok());
  EXPECT_EQ((*first)->info().fingerprint, (*again)->info().fingerprint);
  EXPECT_NE((*first)->info().fingerprint, (*other)->info().fingerprint);
}

TEST_F(TorchRunnerTest, APlanWithoutSequencesGivesNoRows) {
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  const auto runner = LoadTorchRunner(options_);
  ASSERT_TRUE(runner.ok()) << runner.status();
  const auto logits = (*runner)->Run({});
  ASSERT_TRUE(logits.ok()) << logits.status();
  EXPECT_EQ(logits->rows, 0);
}

TEST_F(TorchRunnerTest, AnotherThreadThanTheLoadingOneMayRun) {
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  const auto runner = LoadTorchRunner(options_);
  ASSERT_TRUE(runner.ok()) << runner.status();
  StepPlan plan;
  plan.sequences.push_back({{1, 2, 3}, 0, {5}, true});
  const auto here = (*runner)->Run(plan);
  ASSERT_TRUE(here.ok());
  const std::vector<float> expected(here->values.begin(), here->values.end());
  std::vector<float> there;
  std::thread([&] {
    const auto logits = (*runner)->Run(plan);
    if (logits.ok()) there.assign(logits->values.begin(), logits->values.end());
  }).join();
  EXPECT_EQ(there, expected);
}

TEST_F(TorchRunnerTest, WhatIsNoModelIsRefusedByName) {
  ExpectRefused(absl::StatusCode::kNotFound, HasSubstr("config.json"));
  ASSERT_TRUE(MakeRandomModel(model_).ok());

  std::vector<TensorSpec> specs = Specs();
  specs[2].shape = {7};
  WriteTensors(specs);
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr(specs[2].name), HasSubstr("[7]")));

  specs = Specs();
  specs[2].type = TensorType::kI32;
  WriteTensors(specs);
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr(specs[2].name), HasSubstr("I32")));

  specs = Specs();
  const std::string gone = specs[4].name;
  specs.erase(specs.begin() + 4);
  WriteTensors(specs);
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr(gone), HasSubstr("missing")));

  specs = Specs();
  specs.push_back({"model.layers.0.surprise", TensorType::kF32, {1}});
  WriteTensors(specs);
  ExpectRefused(absl::StatusCode::kInvalidArgument, HasSubstr("surprise"));
}

TEST_F(TorchRunnerTest, APoolThatHoldsNoBlockIsRefused) {
  ASSERT_TRUE(MakeRandomModel(model_).ok());
  options_.kv_cache_bytes = 16383;
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr("kv_cache_bytes"), HasSubstr("16384")));
}

}  // namespace
}  // namespace sluice::generator

#else

TEST(TorchRunnerTest, NeedsTheTorchBackend) {
  GTEST_SKIP() << "built without the torch backend (SLUICE_TORCH=ON)";
}

#endif
