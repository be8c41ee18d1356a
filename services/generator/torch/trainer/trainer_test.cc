#include "services/generator/torch/trainer/trainer.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/modelfiles/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/models/model_config.h"

namespace sluice::generator {
namespace {

using ::testing::HasSubstr;

constexpr int kVocabulary = 40;
constexpr int kAnswerBegin = 37, kAnswerEnd = 38, kEndOfText = 39;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest()
      : directory_(
            ::testing::TempDir() + "/trainer_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    WriteIds();
    options_.ids = directory_ + "/ids";
    options_.out = directory_ + "/model";
    options_.threads = 2;
    options_.bf16 = false;
    options_.shape.hidden = 16;
    options_.shape.layers = 1;
    options_.shape.heads = 2;
    options_.shape.kv_heads = 1;
    options_.shape.ffn = 24;
    options_.schedule.steps = 40;
    options_.schedule.warmup_steps = 2;
    options_.batches.batch_tokens = 64;
  }

  // "x" is answered with "x + 18": learnable by the embedding alone.
  void WriteIds() {
    std::vector<uint16_t> ids;
    std::string offsets = "0";
    for (int i = 0; i < 90; ++i) {
      const auto x = static_cast<uint16_t>(i % 18);
      for (const int id :
           {int{x}, kAnswerBegin, x + 18, kAnswerEnd, kEndOfText}) {
        ids.push_back(static_cast<uint16_t>(id));
      }
      offsets += "," + std::to_string(ids.size());
    }
    std::ofstream(directory_ + "/ids.u16", std::ios::binary)
        .write(reinterpret_cast<const char*>(ids.data()),
               static_cast<std::streamsize>(2 * ids.size()));
    std::ofstream(directory_ + "/ids.json")
        << "{\"vocabulary_size\": " << kVocabulary
        << ", \"end_of_text\": " << kEndOfText << ", \"answer_begin\": ["
        << kAnswerBegin << "], \"answer_end\": " << kAnswerEnd
        << ", \"document_offsets\": [" << offsets << "]}";
  }

  std::string Model() const {
    return ReadAll(options_.out + "/model.safetensors");
  }

  const std::string directory_;
  TrainerOptions options_;
};

TEST_F(TrainerTest, WritesAModelThatTheGeneratorReads) {
  const absl::Status status = Train(options_);
  ASSERT_TRUE(status.ok()) << status;
  const auto config = ReadModelConfig(options_.out);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocabulary_size, kVocabulary);
  EXPECT_EQ(config->hidden_size, 16);
  EXPECT_EQ(config->kv_heads, 1);
  EXPECT_TRUE(config->tied_head);
  EXPECT_TRUE(config->qkv_bias);
  EXPECT_EQ(config->eos_ids, (std::vector<int32_t>{kAnswerEnd, kEndOfText}));
  const auto weights = SafetensorsReader::OpenDirectory(options_.out);
  ASSERT_TRUE(weights.ok()) << weights.status();
  const TensorView* key =
      (*weights)->Find("model.layers.0.self_attn.k_proj.weight");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->type, TensorType::kBF16);
  EXPECT_EQ(key->shape, (std::vector<int64_t>{8, 16}));
  EXPECT_EQ((*weights)->tensors().size(), 2u + 12u);
}

TEST_F(TrainerTest, LearnsWhatTheAnswersSay) {
  options_.schedule.steps = 400;
  options_.schedule.peak_rate = 1e-2;
  options_.evals = {{"same", options_.ids}};
  options_.eval_steps = 1000000;  // at the end only
  ::testing::internal::CaptureStderr();
  const absl::Status status = Train(options_);
  const std::string shown = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(shown, HasSubstr("same 100.0%"));
}

TEST_F(TrainerTest, AResumedRunEndsWithTheSameBits) {
  ASSERT_TRUE(Train(options_).ok());
  const std::string whole = Model();
  std::filesystem::remove_all(options_.out);
  options_.checkpoint = directory_ + "/state.pt";
  options_.schedule.stop_step = 17;
  ASSERT_TRUE(Train(options_).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.out));
  // The part before the pause is over: nothing more happens.
  ASSERT_TRUE(Train(options_).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.out));
  options_.schedule.stop_step = 0;
  const absl::Status status = Train(options_);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Model(), whole);
}

TEST_F(TrainerTest, RefusesACheckpointOfAnotherShape) {
  options_.checkpoint = directory_ + "/state.pt";
  options_.schedule.steps = 2;
  ASSERT_TRUE(Train(options_).ok());
  options_.shape.ffn = 32;
  const absl::Status status = Train(options_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another shape"));
}

TEST_F(TrainerTest, RefusesACheckpointThatIsNone) {
  options_.checkpoint = directory_ + "/state.pt";
  std::ofstream(options_.checkpoint) << "no archive";
  const absl::Status status = Train(options_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
}

TEST_F(TrainerTest, RefusesDocumentsPastTheContext) {
  options_.shape.max_positions = 4;
  const absl::Status status = Train(options_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("has 5 ids, limit 4"));
}

}  // namespace
}  // namespace sluice::generator
