#include "bench/peers/gguf/gguf_export.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bench/peers/gguf/gguf_blocks.h"
#include "common/modelfiles/gguf.h"
#include "common/modelfiles/safetensors.h"
#include "services/generator/make_random_model.h"

namespace sluice::bench {
namespace {

namespace fs = std::filesystem;

constexpr char kShape[] = "hidden=256,ffn=96,layers=2,heads=4,kv_heads=2";

class GgufExportTest : public testing::Test {
 protected:
  GgufExportTest() {
    root_ =
        fs::path(testing::TempDir()) /
        ("gguf-export-" +
         std::string(
             testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    generator::RandomModelOptions options;
    options.out = root_ / "model";
    options.shape = kShape;
    model_made_ = generator::MakeRandomModel(options);
  }
  ~GgufExportTest() override { fs::remove_all(root_); }

  void SetUp() override { ASSERT_TRUE(model_made_.ok()) << model_made_; }

  // Exports, and keeps the file's bytes and what our reader says of them.
  void Export(const std::string& format) {
    const fs::path out = root_ / (format + ".gguf");
    const absl::Status status =
        ExportGguf({root_ / "model", out.string(), format});
    ASSERT_TRUE(status.ok()) << status;
    std::ifstream in(out, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    auto file = GgufFile::Parse(bytes_, format);
    ASSERT_TRUE(file.ok()) << file.status();
    file_.emplace(*std::move(file));
  }

  const GgufTensor* Find(const std::string& name) const {
    for (const GgufTensor& tensor : file_->tensors()) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }

  std::vector<float> Unpack(const GgufTensor& tensor) const {
    int64_t count = 1;
    for (const int64_t dimension : tensor.shape) count *= dimension;
    const uint64_t at = file_->data_offset() + tensor.offset;
    return UnpackBlocks(static_cast<GgufType>(tensor.type),
                        reinterpret_cast<const uint8_t*>(&bytes_[at]), count);
  }

  std::vector<float> Original(const std::string& name) const {
    const auto reader = SafetensorsReader::OpenDirectory(root_ / "model");
    const TensorView* tensor = (*reader)->Find(name);
    std::vector<float> values(tensor->elements());
    std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
    return values;
  }

  fs::path root_;
  absl::Status model_made_;
  std::string bytes_;
  std::optional<GgufFile> file_;
};

TEST_F(GgufExportTest, EveryTensorComesBackAsItWasInFloats) {
  Export("f32");
  const auto reader = SafetensorsReader::OpenDirectory(root_ / "model");
  ASSERT_TRUE(reader.ok());
  ASSERT_EQ(file_->tensors().size(), (*reader)->tensors().size());
  const std::pair<const char*, const char*> names[] = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"blk.1.attn_q.weight", "model.layers.1.self_attn.q_proj.weight"},
      {"blk.1.attn_q.bias", "model.layers.1.self_attn.q_proj.bias"},
      {"blk.1.attn_k.weight", "model.layers.1.self_attn.k_proj.weight"},
      {"blk.0.attn_k.bias", "model.layers.0.self_attn.k_proj.bias"},
      {"blk.1.attn_v.weight", "model.layers.1.self_attn.v_proj.weight"},
      {"blk.1.attn_v.bias", "model.layers.1.self_attn.v_proj.bias"},
      {"blk.1.attn_output.weight", "model.layers.1.self_attn.o_proj.weight"},
      {"blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight"},
      {"blk.0.ffn_norm.weight",
       "model.layers.0.post_attention_layernorm.weight"},
      {"blk.0.ffn_gate.weight", "model.layers.0.mlp.gate_proj.weight"},
      {"blk.0.ffn_up.weight", "model.layers.0.mlp.up_proj.weight"},
      {"blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"}};
  for (const auto& [ours, theirs] : names) {
    const GgufTensor* tensor = Find(ours);
    ASSERT_NE(tensor, nullptr) << ours;
    EXPECT_EQ(Unpack(*tensor), Original(theirs)) << ours;
  }
  // Innermost dimension first.
  EXPECT_EQ(Find("blk.0.ffn_down.weight")->shape,
            (std::vector<int64_t>{96, 256}));
}

TEST_F(GgufExportTest, MatricesAreQuantisedAndVectorsAreNot) {
  for (const auto& [format, layers, head] :
       {std::tuple{"q8_0", GgufType::kQ80, GgufType::kQ80},
        std::tuple{"q4_0", GgufType::kQ40, GgufType::kQ6K}}) {
    Export(format);
    for (const GgufTensor& tensor : file_->tensors()) {
      const GgufType wanted = tensor.shape.size() < 2 ? GgufType::kF32
                              : tensor.name == "token_embd.weight" ? head
                                                                   : layers;
      EXPECT_EQ(tensor.type, static_cast<uint32_t>(wanted)) << tensor.name;
    }
    // Weights of the last tensor are near what they were: offsets hold.
    const std::vector<float> back = Unpack(*Find("blk.1.ffn_down.weight"));
    const std::vector<float> original =
        Original("model.layers.1.mlp.down_proj.weight");
    for (size_t i = 0; i < back.size(); ++i) {
      ASSERT_NEAR(back[i], original[i], 0.1f) << i;
    }
  }
}

TEST_F(GgufExportTest, TheShapeAndTheTokensAreThere) {
  Export("q8_0");
  EXPECT_EQ(file_->GetString("general.architecture").value(), "qwen2");
  EXPECT_EQ(file_->GetInt("qwen2.block_count").value(), 2);
  EXPECT_EQ(file_->GetInt("qwen2.embedding_length").value(), 256);
  EXPECT_EQ(file_->GetInt("qwen2.feed_forward_length").value(), 96);
  EXPECT_EQ(file_->GetInt("qwen2.attention.head_count").value(), 4);
  EXPECT_EQ(file_->GetInt("qwen2.attention.head_count_kv").value(), 2);
  EXPECT_EQ(std::get<double>(*file_->Find("qwen2.rope.freq_base")), 10000.0);
  const auto tokens = file_->GetStrings("tokenizer.ggml.tokens").value();
  ASSERT_EQ(tokens.size(), 512u);
  EXPECT_EQ(tokens['a'], "a");
  EXPECT_EQ(tokens[258], "<|im_end|>");
  EXPECT_EQ(std::get<std::vector<int64_t>>(
                *file_->Find("tokenizer.ggml.token_type"))[258],
            3);
  EXPECT_EQ(file_->GetInt("tokenizer.ggml.eos_token_id").value(), 258);
  EXPECT_EQ(file_->GetBoolOr("tokenizer.ggml.add_bos_token", true).value(),
            false);
}

TEST_F(GgufExportTest, WhatCannotBeWrittenIsSaid) {
  const std::string out = root_ / "x.gguf";
  EXPECT_EQ(ExportGguf({root_ / "model", out, "q3"}).message(),
            "format: unknown, got q3, limit f32, q8_0 or q4_0");
  generator::RandomModelOptions options;
  options.out = root_ / "llama";
  options.family = "llama";
  ASSERT_TRUE(generator::MakeRandomModel(options).ok());
  EXPECT_EQ(ExportGguf({root_ / "llama", out, "f32"}).code(),
            absl::StatusCode::kUnimplemented);
  options = {};
  options.out = root_ / "narrow";
  options.shape = "hidden=48,ffn=160,heads=4,kv_heads=2";
  ASSERT_TRUE(generator::MakeRandomModel(options).ok());
  EXPECT_EQ(ExportGguf({root_ / "narrow", out, "q8_0"}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace sluice::bench
