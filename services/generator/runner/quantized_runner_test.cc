// The native backend over quantised weights: right, and the same bits whatever
// the chunks, threads, company and instruction set.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/testing/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/kernels/cpu_isa.h"
#include "services/generator/runner/native_runner.h"
#include "services/generator/runner/random_model_test_support.h"

namespace sluice::generator {
namespace {

using testing::HasSubstr;

using Logits = std::vector<float>;

struct Stored {
  const char* name;
  QuantizeOptions quantize;
  const char* kv_format;
};
const Stored kStored[] = {{"Int8", {"int8", "int8", 32}, "f32"},
                          {"Int8Wide", {"int8", "int8", 128}, "int8"},
                          {"Int4", {"int4", "int8", 32}, "int8"},
                          {"Int4All", {"int4", "int4", 64}, "f32"},
                          {"KvInt8", {"none", "int8", 0}, "int8"}};

std::unique_ptr<ModelRunner> Open(const std::string& directory,
                                  NativeRunnerOptions options) {
  options.block_count = 64;
  if (options.threads == 0) options.threads = 2;
  auto runner = CreateNativeRunner(directory, options);
  EXPECT_TRUE(runner.ok()) << runner.status();
  return runner.ok() ? *std::move(runner) : nullptr;
}

std::vector<int32_t> RandomIds(int32_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 101);
  return ids;
}

// Rows [begin, end) of a sequence whose blocks begin at `first_block`.
SequenceRows RowsOf(const std::vector<int32_t>& ids, int32_t begin, int32_t end,
                    int32_t first_block) {
  SequenceRows rows;
  rows.token_ids.assign(ids.begin() + begin, ids.begin() + end);
  rows.first_position = begin;
  for (int32_t b = 0; b < 8; ++b) rows.block_table.push_back(first_block + b);
  rows.wants_logits = end == static_cast<int32_t>(ids.size());
  return rows;
}

Logits RunAlone(ModelRunner& runner, const std::vector<int32_t>& ids,
                int32_t chunk, int32_t first_block = 0) {
  const int32_t total = static_cast<int32_t>(ids.size());
  Logits last;
  for (int32_t begin = 0; begin < total; begin += chunk) {
    const int32_t end = std::min(total, begin + chunk);
    auto view = runner.Run({{}, {RowsOf(ids, begin, end, first_block)}});
    EXPECT_TRUE(view.ok());
    last.assign(view->values.begin(), view->values.end());
  }
  return last;
}

class QuantizedRunnerTest : public testing::TestWithParam<Stored> {
 protected:
  QuantizedRunnerTest() {
    RandomModel model;
    // More than an activation block, and ends inside of groups.
    model.hidden_size = 272;
    model.ffn_size = 300;
    WriteRandomModel(model, directory_.path());
  }
  NativeRunnerOptions Options() const {
    NativeRunnerOptions options;
    options.quantize = GetParam().quantize;
    options.kv_format = GetParam().kv_format;
    return options;
  }

  TempDir directory_;
};

// The doubles round weights, activations, keys and values as the backend does.
// What is left is float32 rounding, until one number falls to the other side of
// a tie of 8-bit activations: a step of 1/127 of its block's largest, which the
// layers carry on. So all prompts come near, and most of them very near.
TEST_P(QuantizedRunnerTest, AgreesWithTheSameQuantisationInDoubles) {
  NaiveOptions naive;
  naive.kv_format = GetParam().kv_format;
  naive.formats = *ChooseFormats(GetParam().quantize, 0);
  int near = 0;
  for (uint32_t seed = 0; seed < 5; ++seed) {
    const auto ids = RandomIds(11, seed);
    const auto expected = NaiveLogits(directory_.path(), ids, naive).back();
    NativeRunnerOptions options = Options();
    options.cpu_isa = seed == 0 ? "scalar" : "auto";
    const Logits logits = RunAlone(*Open(directory_.path(), options), ids, 4);
    double error = 0, size = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      error += std::pow(logits[i] - expected[i], 2);
      size += std::pow(expected[i], 2);
    }
    EXPECT_LT(std::sqrt(error / size), 0.05) << seed;
    near += std::sqrt(error / size) < 1e-5 ? 1 : 0;
  }
  EXPECT_GE(near, 3);
}

// Quantised products are exact integers scaled in one order, so here even the
// instruction sets agree.
TEST_P(QuantizedRunnerTest, BitsDoNotDependOnChunkingThreadsOrInstructionSet) {
  const auto ids = RandomIds(40, 4);
  NativeRunnerOptions base = Options();
  base.threads = 1;
  base.cpu_isa = "scalar";
  const Logits expected = RunAlone(*Open(directory_.path(), base), ids, 40);
  struct Split {
    int32_t threads, chunk;
  };
  for (const std::string isa : {"scalar", "avx2", "avx512"}) {
    if (!kernels::CpuSupports(*kernels::CpuIsaFromName(isa))) continue;
    for (const Split split : {Split{1, 1}, {2, 7}, {3, 25}, {4, 4}}) {
      if (isa == "scalar" && split.chunk != 7) continue;  // slow
      NativeRunnerOptions options = Options();
      options.block_size = 16;
      options.threads = split.threads;
      options.cpu_isa = isa;
      options.max_pass_rows = 40;
      EXPECT_EQ(RunAlone(*Open(directory_.path(), options), ids, split.chunk),
                expected)
          << isa << " " << split.threads << " " << split.chunk;
    }
  }
}

TEST_P(QuantizedRunnerTest, ASequenceGetsTheSameBitsInAnyCompany) {
  auto runner = Open(directory_.path(), Options());
  std::vector<std::vector<int32_t>> all;
  std::vector<Logits> alone;
  for (int32_t i = 0; i < 7; ++i) {
    all.push_back(RandomIds(1 + 9 * i, 50 + i));
    alone.push_back(RunAlone(*runner, all[i], 1000, 8 * i));
  }
  // All but the last row first, in two halves; then the last rows together.
  for (size_t i = 1; i < all.size(); ++i) {
    const int32_t end = static_cast<int32_t>(all[i].size()) - 1;
    const int32_t first = 8 * static_cast<int32_t>(i);
    StepPlan plan;
    plan.sequences.push_back(RowsOf(all[i], 0, end / 2, first));
    ASSERT_TRUE(runner->Run(plan).ok());
    plan.sequences[0] = RowsOf(all[i], end / 2, end, first);
    ASSERT_TRUE(runner->Run(plan).ok());
  }
  StepPlan plan;
  for (size_t i = 0; i < all.size(); ++i) {
    const int32_t end = static_cast<int32_t>(all[i].size());
    plan.sequences.push_back(
        RowsOf(all[i], end - 1, end, 8 * static_cast<int32_t>(i)));
  }
  auto view = runner->Run(plan);
  ASSERT_TRUE(view.ok());
  for (size_t i = 0; i < all.size(); ++i) {
    const auto row = view->Row(static_cast<int32_t>(i));
    EXPECT_EQ(Logits(row.begin(), row.end()), alone[i]) << i;
  }
}

TEST_P(QuantizedRunnerTest, InfoAndFingerprintNameTheFormat) {
  auto runner = Open(directory_.path(), Options());
  const RunnerInfo& info = runner->info();
  const DecoderFormats formats = *ChooseFormats(GetParam().quantize, 0);
  std::string name = "f32";
  if (formats.layers) {
    name = QuantFormatName(*formats.layers);
    if (formats.layers != formats.head) {
      name += "-" + QuantFormatName(*formats.head);
    }
  }
  EXPECT_EQ(info.weight_format, name);
  EXPECT_THAT(info.fingerprint,
              HasSubstr("-w" + name + "-kv" + GetParam().kv_format + "-"));
}

INSTANTIATE_TEST_SUITE_P(Formats, QuantizedRunnerTest,
                         testing::ValuesIn(kStored),
                         [](const auto& info) { return info.param.name; });

TEST(ChooseFormats, AutoDependsOnTheSizeOfTheModel) {
  EXPECT_FALSE(ChooseFormats({}, kAutoQuantizeParameters - 1)->layers);
  const DecoderFormats large = *ChooseFormats({}, kAutoQuantizeParameters);
  EXPECT_EQ(large.layers->bits, 8);
  EXPECT_EQ(large.head->bits, 8);
  EXPECT_FALSE(ChooseFormats({.layers = "none"}, int64_t{1} << 40)->head);
  const DecoderFormats small = *ChooseFormats({.layers = "int4"}, 1);
  EXPECT_EQ(QuantFormatName(*small.layers), "int4g32");
  EXPECT_EQ(QuantFormatName(*small.head), "int8g128");
}

TEST(ChooseFormats, BadNamesAreRefusedBeforeAnythingIsRead) {
  TempDir nothing;
  const auto message = [&](const QuantizeOptions& quantize) {
    NativeRunnerOptions options;
    options.quantize = quantize;
    const auto status = CreateNativeRunner(nothing.path(), options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message({.layers = "int3"}),
              HasSubstr("quantize: unknown format, got int3"));
  EXPECT_THAT(message({.head = "none"}), HasSubstr("quantize_head"));
  EXPECT_THAT(message({.group = 48}), HasSubstr("quantize_group"));
}

TEST(DecoderWeights, TooLittleMemoryIsRefusedWithWhatIsNeeded) {
  TempDir directory;
  RandomModel model;
  model.hidden_size = 256;
  model.ffn_size = 512;
  WriteRandomModel(model, directory.path());
  const ModelConfig config = *ReadModelConfig(directory.path());
  const auto reader = *SafetensorsReader::OpenDirectory(directory.path());
  kernels::ThreadPool pool({.threads = 1});
  for (const char* layers : {"none", "int8", "int4"}) {
    WeightRequest request;
    request.formats = *ChooseFormats({.layers = layers}, 1);
    const auto load = [&] {
      return LoadDecoderWeights(config, *reader, request, pool, {});
    };
    const int64_t weights = load()->bytes;
    request.kv_cache_bytes = 1000;
    request.memory_bytes = weights + 1000;
    EXPECT_TRUE(load().ok());
    --request.memory_bytes;
    const auto status = load().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr("needed " + std::to_string(weights + 1000) + " (weights " +
                  std::to_string(weights) + ", KV cache 1000)"));
  }
}

TEST(QuantizedRunner, AWeightThatNoScaleHoldsIsRefusedByName) {
  TempDir directory;
  WriteRandomModel({}, directory.path());
  const std::string path = directory.path() + "/model.safetensors";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  uint64_t header = 0;
  file.read(reinterpret_cast<char*>(&header), sizeof(header));
  file.seekp(static_cast<std::streamoff>(8 + header));  // of the embedding
  const float large = 1e6f;
  char raw[4];
  std::memcpy(raw, &large, 4);
  file.write(raw, 4);
  file.close();
  NativeRunnerOptions options;
  options.quantize.layers = "int8";
  options.block_count = 4;
  EXPECT_TRUE(CreateNativeRunner(directory.path(), {.block_count = 4}).ok());
  const auto status = CreateNativeRunner(directory.path(), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("too large a number"));
}

}  // namespace
}  // namespace sluice::generator
