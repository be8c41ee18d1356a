#include "services/generator/make_random_model.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/modelfiles/safetensors.h"
#include "services/generator/make_random_model_shape.h"
#include "services/generator/make_random_model_tokenizer.h"
#include "services/generator/make_random_model_weights.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {
namespace {

namespace fs = std::filesystem;

class MakeRandomModelTest : public testing::Test {
 protected:
  MakeRandomModelTest() {
    root_ =
        fs::path(testing::TempDir()) /
        ("random-model-" +
         std::string(
             testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
  }
  ~MakeRandomModelTest() override { fs::remove_all(root_); }

  RandomModelOptions Options(const std::string& name) const {
    RandomModelOptions options;
    options.out = root_ / name;
    return options;
  }

  std::string Read(const fs::path& file) const {
    std::ifstream in(root_ / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path root_;
};

float Element(const TensorView& tensor, int64_t index) {
  float value;
  std::memcpy(&value, tensor.bytes.data() + 4 * index, 4);
  return value;
}

TEST_F(MakeRandomModelTest, WritesWhatTheReadersOfModelsAccept) {
  for (const std::string family : {"qwen2", "llama"}) {
    RandomModelOptions options = Options(family);
    options.family = family;
    ASSERT_TRUE(MakeRandomModel(options).ok());

    const auto config = ReadModelConfig(options.out);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->architecture,
              family == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM");
    EXPECT_EQ(config->qkv_bias, family == "qwen2");
    EXPECT_EQ(config->eos_ids, (std::vector<int32_t>{256, 258}));

    const auto reader = SafetensorsReader::OpenDirectory(options.out);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto specs = DecoderTensorSpecs(*config, TensorType::kF32);
    EXPECT_EQ((*reader)->tensors().size(), specs.size());
    for (const TensorSpec& spec : specs) {
      const TensorView* tensor = (*reader)->Find(spec.name);
      ASSERT_NE(tensor, nullptr) << spec.name;
      EXPECT_EQ(tensor->shape, spec.shape) << spec.name;
    }
  }
}

TEST_F(MakeRandomModelTest, EqualSeedsGiveEqualBytesAndOthersDoNot) {
  RandomModelOptions options = Options("a");
  ASSERT_TRUE(MakeRandomModel(options).ok());
  options.out = root_ / "b";
  ASSERT_TRUE(MakeRandomModel(options).ok());
  options.out = root_ / "c";
  options.seed = 2;
  ASSERT_TRUE(MakeRandomModel(options).ok());
  EXPECT_EQ(Read("a/model.safetensors"), Read("b/model.safetensors"));
  EXPECT_NE(Read("a/model.safetensors"), Read("c/model.safetensors"));
}

TEST_F(MakeRandomModelTest, ShardsHoldTheSameTensorsAsOneFile) {
  RandomModelOptions options = Options("whole");
  ASSERT_TRUE(MakeRandomModel(options).ok());
  options.out = root_ / "shards";
  options.max_shard_bytes = 100'000;
  ASSERT_TRUE(MakeRandomModel(options).ok());

  const auto whole = SafetensorsReader::OpenDirectory(root_ / "whole");
  const auto shards = SafetensorsReader::OpenDirectory(root_ / "shards");
  ASSERT_TRUE(whole.ok() && shards.ok()) << shards.status();
  EXPECT_FALSE(fs::exists(root_ / "shards/model.safetensors"));
  const auto index =
      nlohmann::json::parse(Read("shards/model.safetensors.index.json"));
  std::set<std::string> files;
  for (const auto& file : index["weight_map"]) files.insert(file);
  EXPECT_GT(files.size(), 2u);
  ASSERT_EQ((*whole)->tensors().size(), (*shards)->tensors().size());
  for (const TensorView& tensor : (*whole)->tensors()) {
    const TensorView* other = (*shards)->Find(tensor.name);
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(tensor.bytes, other->bytes) << tensor.name;
  }
}

TEST_F(MakeRandomModelTest, Bfloat16IsFloat32RoundedToNearestEven) {
  const TensorSpec f32 = {"x.weight", TensorType::kF32, {1000}};
  const TensorSpec bf16 = {"x.weight", TensorType::kBF16, {1000}};
  std::vector<uint8_t> wide, narrow;
  AppendRandomWeights(7, f32, {0.0f, 1.0f}, {0, 1000}, wide);
  AppendRandomWeights(7, bf16, {0.0f, 1.0f}, {0, 1000}, narrow);
  for (int i = 0; i < 1000; ++i) {
    float exact;
    uint16_t stored;
    std::memcpy(&exact, wide.data() + 4 * i, 4);
    std::memcpy(&stored, narrow.data() + 2 * i, 2);
    // The stored value and its two neighbours: none is nearer.
    const auto distance = [&](uint32_t bits) {
      return std::abs(std::bit_cast<float>(bits << 16) - exact);
    };
    EXPECT_LE(distance(stored), distance(stored + 1u));
    if ((stored & 0x7fff) != 0) {
      EXPECT_LE(distance(stored), distance(stored - 1u));
    }
  }
}

TEST_F(MakeRandomModelTest, PiecesOfATensorAreTheTensor) {
  const TensorSpec spec = {"x.weight", TensorType::kF32, {100}};
  std::vector<uint8_t> whole, pieces;
  AppendRandomWeights(7, spec, {1.0f, 0.5f}, {0, 100}, whole);
  AppendRandomWeights(7, spec, {1.0f, 0.5f}, {0, 33}, pieces);
  AppendRandomWeights(7, spec, {1.0f, 0.5f}, {33, 67}, pieces);
  EXPECT_EQ(whole, pieces);
}

TEST_F(MakeRandomModelTest, NoiseHasTheMeanAndDeviationAskedFor) {
  constexpr int kCount = 100'000;
  const TensorSpec spec = {"x.weight", TensorType::kF32, {kCount}};
  std::vector<uint8_t> bytes;
  AppendRandomWeights(3, spec, {2.0f, 0.5f}, {0, kCount}, bytes);
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    float value;
    std::memcpy(&value, bytes.data() + 4 * i, 4);
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double mean = sum / kCount;
  // The mean of n values has the deviation 0.5 / sqrt(n) = 0.0016; six of
  // those never happen by chance.
  EXPECT_NEAR(mean, 2.0, 6 * 0.0016);
  EXPECT_NEAR(std::sqrt(squares / kCount - mean * mean), 0.5, 0.01);
}

TEST_F(MakeRandomModelTest, NamedShapesHaveThePublishedParameterCounts) {
  const std::pair<std::string, int64_t> qwen[] = {
      {"qwen1.5-0.5b", 463'987'712},
      {"qwen1.5-1.8b", 1'836'828'672},
      {"qwen2.5-0.5b", 494'032'768},
      {"qwen2.5-1.5b", 1'543'714'304},
      {"r1-distill-1.5b", 1'777'088'000}};
  for (const auto& [name, parameters] : qwen) {
    const auto config = ParseRandomShape("qwen2", name);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(CountParameters(DecoderTensorSpecs(*config, TensorType::kBF16)),
              parameters)
        << name;
  }
  const std::pair<std::string, int64_t> llama[] = {
      {"tinyllama-1.1b", 1'100'048'384}, {"smollm2-135m", 134'515'008}};
  for (const auto& [name, parameters] : llama) {
    const auto config = ParseRandomShape("llama", name);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(CountParameters(DecoderTensorSpecs(*config, TensorType::kBF16)),
              parameters)
        << name;
  }
}

TEST_F(MakeRandomModelTest, ShapesTakeANameAndOverrides) {
  const auto config =
      ParseRandomShape("llama", "qwen2.5-1.5b,layers=3,heads=6,tied=false");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->layers, 3);
  EXPECT_EQ(config->heads, 6);
  EXPECT_EQ(config->head_dim, 256);
  EXPECT_EQ(config->kv_heads, 2);
  EXPECT_FALSE(config->tied_head);
  EXPECT_FALSE(config->qkv_bias);
}

TEST_F(MakeRandomModelTest, BadShapesAreRefusedByName) {
  const std::pair<std::string, std::string> cases[] = {
      {"enormous", "enormous"},   {"width=3", "width"},
      {"layers=two", "layers"},   {"layers=0", "layers"},
      {"layers=99999", "layers"}, {"vocab=258", "258"},
      {"heads=3", "heads"},       {"hidden=-64", "hidden"},
      {"layers", "layers"}};
  for (const auto& [shape, part] : cases) {
    const auto config = ParseRandomShape("qwen2", shape);
    ASSERT_FALSE(config.ok()) << shape;
    EXPECT_NE(config.status().message().find(part), absl::string_view::npos)
        << config.status();
  }
  EXPECT_FALSE(ParseRandomShape("gpt", "tiny").ok());
}

TEST_F(MakeRandomModelTest, TheVocabularyNamesEveryIdOnce) {
  const auto config = ParseRandomShape("qwen2", "tiny,vocab=12345");
  ASSERT_TRUE(config.ok());
  const auto json = nlohmann::json::parse(RandomTokenizerJson(*config));
  std::vector<bool> seen(12345, false);
  const auto see = [&](int id) {
    ASSERT_TRUE(id >= 0 && id < 12345 && !seen[id]) << id;
    seen[id] = true;
  };
  for (const auto& [text, id] : json["model"]["vocab"].items()) see(id);
  EXPECT_EQ(json["model"]["vocab"].size(), 12345u - 3u);
  for (const auto& token : json["added_tokens"]) see(token["id"]);
  for (const bool id_seen : seen) EXPECT_TRUE(id_seen);
}

TEST_F(MakeRandomModelTest, AModelThatIsThereIsKept) {
  RandomModelOptions options = Options("a");
  ASSERT_TRUE(MakeRandomModel(options).ok());
  const std::string before = Read("a/model.safetensors");
  options.seed = 5;
  EXPECT_EQ(MakeRandomModel(options).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Read("a/model.safetensors"), before);
  options.overwrite = true;
  EXPECT_TRUE(MakeRandomModel(options).ok());
  EXPECT_NE(Read("a/model.safetensors"), before);
}

TEST_F(MakeRandomModelTest, ProgressEndsAtTheBytesOfAllTensors) {
  RandomModelOptions options = Options("a");
  int64_t last_done = 0, last_total = 0;
  ASSERT_TRUE(MakeRandomModel(options, [&](int64_t done, int64_t total) {
                EXPECT_GT(done, last_done);
                last_done = done;
                last_total = total;
              }).ok());
  const auto reader = SafetensorsReader::OpenDirectory(options.out);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(last_done, (*reader)->tensor_bytes());
  EXPECT_EQ(last_total, (*reader)->tensor_bytes());
  EXPECT_NE(Element((*reader)->tensors()[0], 0), 0.0f);
}

TEST_F(MakeRandomModelTest, TheCommandNamesWhatIsWrong) {
  EXPECT_EQ(MakeRandomModelCommand({"--dtype", "int3"}), 2);
  EXPECT_EQ(MakeRandomModelCommand({"--colour=red"}), 2);
  EXPECT_EQ(MakeRandomModelCommand({"--out"}), 2);
  EXPECT_EQ(MakeRandomModelCommand({}), 1);
  EXPECT_EQ(MakeRandomModelCommand({"--out=" + (root_ / "x").string(),
                                    "--shape", "tiny,layers=1", "--dtype=bf16",
                                    "--seed", "18446744073709551615"}),
            0);
  EXPECT_TRUE(fs::exists(root_ / "x/config.json"));
}

}  // namespace
}  // namespace sluice::generator
