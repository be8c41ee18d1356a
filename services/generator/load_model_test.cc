#include "services/generator/load_model.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/testing/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/make_random_model.h"
#include "services/generator/make_random_model_shape.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

class LoadModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RandomModelOptions options;
    options.out = directory_.path() + "/model";
    options.shape = "hidden=32,layers=2,heads=2,kv_heads=1,context=512";
    ASSERT_TRUE(MakeRandomModel(options).ok());
    options_.directory = options.out;
    options_.name = "random";
    options_.backend.backend = "native";
    options_.backend.kv_cache_tokens = 1000;
  }
  absl::StatusOr<LoadedModel> Load() { return LoadModel(options_, log_); }
  void Overwrite(const std::string& file, const std::string& text) {
    std::ofstream(options_.directory + "/" + file) << text;
  }
  std::string ErrorOf(const absl::StatusOr<LoadedModel>& model) {
    return std::string(model.status().message());
  }

  TempDir directory_;
  LoadOptions options_;
  std::vector<std::string> lines_;
  Logger log_{"test", LogLevel::kDebug,
              [this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(LoadModelTest, RandomModelCanBeServed) {
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->served.name, "random");
  EXPECT_EQ(model->served.limits.context_length, 512);
  EXPECT_EQ(model->served.limits.eos_ids,
            (std::vector<int32_t>{kRandomModelEndOfText, kRandomModelImEnd}));
  EXPECT_EQ(model->served.vocabulary_hash, model->vocabulary.hash());
  EXPECT_EQ(model->served.info.block_count, 32);
  ASSERT_FALSE(lines_.empty());
  EXPECT_THAT(lines_.front(), HasSubstr("model loaded"));
}

TEST_F(LoadModelTest, ContextIsCappedByFlagAndByThePool) {
  options_.backend.native.max_context = 100;
  EXPECT_EQ(Load()->served.limits.context_length, 100);
  options_.backend.native.max_context = 1;
  EXPECT_THAT(ErrorOf(Load()), HasSubstr("max_context: no room"));
  options_.backend.native.max_context = 0;
  options_.backend.kv_cache_tokens = 64;
  EXPECT_EQ(Load()->served.limits.context_length, 64);
}

TEST_F(LoadModelTest, MissingDirectoryIsNamed) {
  options_.directory += "-absent";
  const auto model = Load();
  EXPECT_EQ(model.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ErrorOf(model), HasSubstr("model: no such directory, got"));
}

TEST_F(LoadModelTest, BrokenFilesAreNamed) {
  Overwrite("generation_config.json", R"({"top_p": 3})");
  EXPECT_THAT(ErrorOf(Load()), HasSubstr("generation_config.json"));
  Overwrite("generation_config.json", "{}");
  EXPECT_TRUE(Load().ok());
  std::filesystem::resize_file(options_.directory + "/model.safetensors", 5000);
  EXPECT_THAT(ErrorOf(Load()), HasSubstr("model.safetensors"));
  Overwrite("tokenizer.json", "{");
  EXPECT_THAT(ErrorOf(Load()), HasSubstr("tokenizer.json"));
}

TEST_F(LoadModelTest, AutoSaysWhatBothBackendsLack) {
  Overwrite("config.json", R"({"architectures": ["NobodysForCausalLM"]})");
  options_.backend.backend = "auto";
  const auto model = Load();
  EXPECT_FALSE(model.ok());
  EXPECT_THAT(ErrorOf(model), HasSubstr("NobodysForCausalLM"));
}

TEST_F(LoadModelTest, BadBackendOptionsAreRefusedByName) {
  BackendOptions options;
  options.backend = "gpu";
  EXPECT_EQ(std::string(CheckOptions(options).message()),
            "backend: unknown, got gpu, limit auto, native or torch");
  options = {};
  options.kv_cache_tokens = -1;
  EXPECT_THAT(std::string(CheckOptions(options).message()),
              HasSubstr("kv_cache_tokens: out of range"));
  EXPECT_TRUE(CheckOptions(BackendOptions{}).ok());
}

}  // namespace
}  // namespace sluice::generator
