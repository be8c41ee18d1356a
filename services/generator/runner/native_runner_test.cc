#include "services/generator/runner/native_runner.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "common/testing/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/generator/kernels/cpu_isa.h"
#include "services/generator/runner/random_model_test_support.h"

namespace sluice::generator {
namespace {

using testing::HasSubstr;

using Logits = std::vector<float>;

std::unique_ptr<ModelRunner> Open(const std::string& directory,
                                  NativeRunnerOptions options = {}) {
  if (options.block_count == 0) options.block_count = 64;
  if (options.threads == 0) options.threads = 2;
  auto runner = CreateNativeRunner(directory, options);
  EXPECT_TRUE(runner.ok()) << runner.status();
  return runner.ok() ? *std::move(runner) : nullptr;
}

std::vector<int32_t> RandomIds(int32_t count, int32_t vocabulary,
                               uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % vocabulary);
  return ids;
}

// One sequence with blocks of its own, fed piece by piece.
struct Feeder {
  std::vector<int32_t> ids;
  std::vector<int32_t> blocks;
  int32_t done = 0;

  SequenceRows Take(int32_t count, bool wants_logits) {
    SequenceRows rows;
    rows.token_ids.assign(ids.begin() + done, ids.begin() + done + count);
    rows.first_position = done;
    rows.block_table = blocks;
    rows.wants_logits = wants_logits;
    done += count;
    return rows;
  }
};

Logits RowOf(const LogitsView& view, int32_t row) {
  const auto values = view.Row(row);
  return Logits(values.begin(), values.end());
}

// Logits after the last id, fed in chunks of `chunk`.
Logits RunAlone(ModelRunner& runner, const std::vector<int32_t>& ids,
                int32_t chunk, std::vector<int32_t> blocks) {
  Feeder feeder{ids, std::move(blocks)};
  const int32_t total = static_cast<int32_t>(ids.size());
  Logits last;
  while (feeder.done < total) {
    const int32_t count = std::min(chunk, total - feeder.done);
    StepPlan plan;
    plan.sequences.push_back(feeder.Take(count, feeder.done + count == total));
    auto view = runner.Run(plan);
    EXPECT_TRUE(view.ok());
    if (view->rows > 0) last = RowOf(*view, 0);
  }
  return last;
}

struct Split {
  int32_t threads, chunk;
};
const std::vector<Split> kSplits = {{1, 1}, {2, 7}, {5, 64}, {3, 150}};

const std::vector<int32_t> kBlocks = {7, 3, 21, 0, 40, 12, 5, 33};

std::vector<RandomModel> Models() {
  RandomModel qwen;
  RandomModel mha = qwen;
  mha.kv_heads = 6;
  mha.tied = false;
  RandomModel llama = qwen;
  llama.architecture = "LlamaForCausalLM";
  llama.head_dim = 10;
  llama.heads = 3;
  llama.kv_heads = 1;
  llama.tied = false;
  RandomModel biased = llama;
  biased.attention_bias = true;
  biased.type = TensorType::kBF16;
  RandomModel bf16 = qwen;
  bf16.type = TensorType::kBF16;
  bf16.hidden_size = 160;  // more than a reduction block
  bf16.ffn_size = 300;
  bf16.head_dim = 24;
  return {qwen, mha, llama, biased, bf16};
}

class NativeRunnerTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    model_ = Models()[GetParam()];
    WriteRandomModel(model_, directory_.path());
  }
  std::vector<int32_t> Ids(int32_t count, uint32_t seed = 3) const {
    return RandomIds(count, model_.vocabulary_size, seed);
  }

  RandomModel model_;
  TempDir directory_;
};

// 1e-4 of the largest logit, the bound of the project for float32; with bf16
// KV a float32 rounding may fall to the other side of a bf16 tie, a step of
// 2^-8 in one number among many.
TEST_P(NativeRunnerTest, AgreesWithTheForwardPassInDoubles) {
  const auto ids = Ids(70);
  for (const std::string format : {"f32", "bf16"}) {
    const auto expected =
        NaiveLogits(directory_.path(), ids, {.kv_format = format});
    double largest = 0;
    for (double value : expected.back()) {
      largest = std::max(largest, std::abs(value));
    }
    const double bound = (format == "f32" ? 1e-4 : 4e-3) * largest;
    for (const std::string isa : {"scalar", "auto"}) {
      auto runner =
          Open(directory_.path(), {.kv_format = format, .cpu_isa = isa});
      for (int32_t chunk : {1, 13, 70}) {
        const Logits logits = RunAlone(*runner, ids, chunk, kBlocks);
        for (size_t i = 0; i < logits.size(); ++i) {
          ASSERT_NEAR(logits[i], expected.back()[i], bound)
              << format << " " << isa << " " << chunk << " " << i;
        }
      }
    }
  }
}

TEST_P(NativeRunnerTest, BitsDoNotDependOnChunkingThreadsOrBlocks) {
  const auto ids = Ids(150);
  for (const std::string isa : {"scalar", "avx2", "avx512"}) {
    if (!kernels::CpuSupports(*kernels::CpuIsaFromName(isa))) continue;
    auto one = Open(directory_.path(), {.threads = 1, .cpu_isa = isa});
    const Logits expected = RunAlone(*one, ids, 150, kBlocks);
    for (const Split& split : kSplits) {
      auto runner = Open(directory_.path(), {.block_size = 16,
                                             .threads = split.threads,
                                             .cpu_isa = isa,
                                             .max_pass_rows = 40});
      const Logits logits =
          RunAlone(*runner, ids, split.chunk, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0});
      ASSERT_EQ(logits, expected) << isa << " " << split.threads;
    }
  }
}

// Past 256 positions a row alone is cut into parts for the threads, a row among
// many is not, and rows of a prompt go together.
TEST_P(NativeRunnerTest, ALongRowHasTheSameBitsHoweverItsAttentionIsCut) {
  const auto ids = Ids(560);
  std::vector<int32_t> blocks(18);
  std::iota(blocks.rbegin(), blocks.rend(), 0);
  std::vector<std::string> isas = {"auto"};
  if (GetParam() == 0) isas.push_back("scalar");  // slow
  for (const std::string& isa : isas) {
    auto one = Open(directory_.path(), {.threads = 1, .cpu_isa = isa});
    const Logits expected = RunAlone(*one, ids, 560, blocks);
    for (const int32_t company : {0, 20}) {
      auto runner = Open(directory_.path(), {.threads = 3, .cpu_isa = isa});
      Feeder feeder{ids, blocks};
      for (const int32_t count : {250, 300, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}) {
        StepPlan plan;
        for (int32_t i = 0; i < company; ++i) {
          plan.sequences.push_back({{i}, 0, {20 + i}, false});
        }
        plan.sequences.push_back(feeder.Take(count, true));
        auto view = runner->Run(plan);
        ASSERT_TRUE(view.ok());
        if (feeder.done == 560) {
          EXPECT_EQ(RowOf(*view, 0), expected) << isa << " " << company;
        }
      }
    }
  }
}

TEST_P(NativeRunnerTest, ASequenceGetsTheSameBitsInAnyCompany) {
  auto runner = Open(directory_.path());
  std::vector<Feeder> feeders;
  for (int32_t i = 0; i < 9; ++i) {
    const int32_t length = 5 + 17 * i;  // up to 141
    feeders.push_back({Ids(length, 50 + i), {}});
    for (int32_t b = 0; b < 5; ++b) feeders[i].blocks.push_back(i * 5 + b);
  }
  std::vector<Logits> alone;
  for (const Feeder& feeder : feeders) {
    alone.push_back(RunAlone(*runner, feeder.ids, 1000, feeder.blocks));
  }
  // Together in ragged chunks that differ per sequence and step.
  std::vector<Logits> together(feeders.size());
  for (int32_t step = 0;; ++step) {
    StepPlan plan;
    std::vector<size_t> finished;
    for (size_t i = 0; i < feeders.size(); ++i) {
      const int32_t left =
          static_cast<int32_t>(feeders[i].ids.size()) - feeders[i].done;
      if (left == 0) continue;
      const int32_t count = std::min<int32_t>(
          left, 1 + (step * 7 + static_cast<int32_t>(i) * 5) % 23);
      if (count == left) finished.push_back(i);
      plan.sequences.push_back(feeders[i].Take(count, count == left));
    }
    if (plan.sequences.empty()) break;
    auto view = runner->Run(plan);
    ASSERT_TRUE(view.ok());
    ASSERT_EQ(view->rows, static_cast<int32_t>(finished.size()));
    for (size_t row = 0; row < finished.size(); ++row) {
      together[finished[row]] = RowOf(*view, static_cast<int32_t>(row));
    }
  }
  for (size_t i = 0; i < feeders.size(); ++i) {
    EXPECT_EQ(together[i], alone[i]) << i;
  }
}

TEST_P(NativeRunnerTest, ACopiedBlockServesLikeTheOriginal) {
  auto runner = Open(directory_.path());
  const auto ids = Ids(45);
  const Logits expected = RunAlone(*runner, ids, 45, {10, 11});
  // Another sequence shares block 10 and 7 positions of block 11, copied.
  Feeder feeder{ids, {10, 20}, 39};
  StepPlan plan;
  plan.copies.push_back({.from_block = 11, .to_block = 20, .positions = 7});
  plan.sequences.push_back(feeder.Take(6, true));
  auto view = runner->Run(plan);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(RowOf(*view, 0), expected);
}

// Guesses are run with the row before them, most of them wrong: the logits of
// each, and of what later overwrites them, are those of one row at a time.
TEST_P(NativeRunnerTest, DraftRowsGiveTheBitsOfOneRowAtATime) {
  const auto ids = Ids(60);
  for (const std::string isa : {"scalar", "avx2", "avx512"}) {
    if (!kernels::CpuSupports(*kernels::CpuIsaFromName(isa))) continue;
    auto one = Open(directory_.path(), {.cpu_isa = isa});
    auto runner = Open(directory_.path(), {.cpu_isa = isa, .max_pass_rows = 7});
    std::vector<Logits> expected;
    for (size_t end = 1; end <= ids.size(); ++end) {
      expected.push_back(
          RunAlone(*one, {ids.begin(), ids.begin() + end}, 1000, kBlocks));
    }
    for (int32_t at = 0; at < 50; ++at) {
      const int32_t drafts = at % 9;
      const int32_t right = at % 4;
      SequenceRows rows;
      rows.token_ids = {ids.begin() + at, ids.begin() + at + drafts + 1};
      for (int32_t i = right + 1; i <= drafts; ++i) rows.token_ids[i] ^= 1;
      rows.first_position = at;
      rows.block_table = {3, 2, 1, 0};
      rows.wants_logits = true;
      rows.draft_rows = drafts;
      SequenceRows neighbour = rows;
      neighbour.block_table = {13, 12, 11, 10};
      neighbour.draft_rows = 0;
      StepPlan plan;
      plan.sequences = {neighbour, rows};
      const auto view = runner->Run(plan);
      ASSERT_TRUE(view.ok());
      ASSERT_EQ(view->rows, drafts + 2);
      for (int32_t i = 0; i <= std::min(drafts, right); ++i) {
        ASSERT_EQ(RowOf(*view, i + 1), expected[at + i]) << at << " " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, NativeRunnerTest, testing::Range(0, 5));

class NativeRunnerOptionsTest : public testing::Test {
 protected:
  NativeRunnerOptionsTest() { WriteRandomModel({}, directory_.path()); }

  std::string ErrorOf(const NativeRunnerOptions& options,
                      absl::StatusCode code) {
    const auto runner = CreateNativeRunner(directory_.path(), options);
    EXPECT_EQ(runner.status().code(), code) << runner.status();
    return std::string(runner.status().message());
  }

  TempDir directory_;
};

TEST_F(NativeRunnerOptionsTest, InfoSaysWhatIsThere) {
  auto runner = Open(directory_.path(), {.kv_format = "f32",
                                         .block_count = 12,
                                         .block_size = 16,
                                         .cpu_isa = "scalar"});
  const RunnerInfo& info = runner->info();
  EXPECT_EQ(info.architecture, "Qwen2ForCausalLM");
  EXPECT_EQ(info.backend, "native");
  EXPECT_EQ(info.vocabulary_size, 101);
  EXPECT_EQ(info.context_length, 12 * 16);
  EXPECT_EQ(info.block_size, 16);
  EXPECT_EQ(info.block_count, 12);
  // 2 layers, 2 heads, keys and values of 16 positions x 16 numbers.
  EXPECT_EQ(info.block_bytes, 2 * 2 * 2 * 16 * 16 * 4);
  EXPECT_EQ(info.isa, "scalar");
  EXPECT_EQ(info.weight_format, "f32");
  EXPECT_EQ(info.kv_format, "f32");
  // Embedding, and per layer q, k, v with biases, o, norms and the MLP.
  const int64_t layer = (96 + 2 * 32) * 49 + 48 * 96 + 2 * 48 + 3 * 48 * 70;
  EXPECT_EQ(info.parameters, 101 * 48 + 2 * layer + 48);
}

TEST_F(NativeRunnerOptionsTest, FingerprintTellsWhatChangesBits) {
  const auto print = [&](const NativeRunnerOptions& options) {
    return Open(directory_.path(), options)->info().fingerprint;
  };
  const std::string base = print({.cpu_isa = "scalar"});
  EXPECT_EQ(print({.threads = 3, .cpu_isa = "scalar", .max_context = 50}),
            base);
  EXPECT_NE(print({.kv_format = "f32", .cpu_isa = "scalar"}), base);
  TempDir other;
  WriteRandomModel({.seed = 2}, other.path());
  EXPECT_NE(Open(other.path(), {.cpu_isa = "scalar"})->info().fingerprint,
            base);
}

TEST_F(NativeRunnerOptionsTest, ContextIsTheLeastOfModelOptionAndPool) {
  EXPECT_EQ(Open(directory_.path(), {.max_context = 50})->info().context_length,
            50);
  EXPECT_EQ(Open(directory_.path(), {.block_count = 2})->info().context_length,
            64);
  EXPECT_EQ(
      Open(directory_.path(), {.block_count = 5000})->info().context_length,
      1024);
}

TEST_F(NativeRunnerOptionsTest, BudgetInBytesBecomesWholeBlocks) {
  const int64_t block = 2 * 2 * 2 * 32 * 16 * 2;
  auto runner = CreateNativeRunner(directory_.path(),
                                   {.kv_cache_bytes = 5 * block + block / 2});
  ASSERT_TRUE(runner.ok()) << runner.status();
  EXPECT_EQ((*runner)->info().block_count, 5);
  EXPECT_THAT(ErrorOf({.kv_cache_bytes = block - 1},
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("kv_cache_bytes"));
}

TEST_F(NativeRunnerOptionsTest, BadOptionsAreNamed) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ErrorOf({.kv_format = "f16"}, kInvalid), HasSubstr("kv_format"));
  EXPECT_THAT(ErrorOf({.cpu_isa = "sse9"}, kInvalid), HasSubstr("cpu_isa"));
  EXPECT_THAT(ErrorOf({.block_size = 20}, kInvalid), HasSubstr("block_size"));
  EXPECT_THAT(ErrorOf({.block_size = 0}, kInvalid), HasSubstr("block_size"));
  EXPECT_THAT(ErrorOf({.threads = -1}, kInvalid), HasSubstr("threads"));
  EXPECT_THAT(ErrorOf({.max_context = -1}, kInvalid), HasSubstr("max_context"));
  EXPECT_THAT(ErrorOf({.max_pass_rows = 0}, kInvalid),
              HasSubstr("max_pass_rows"));
  EXPECT_THAT(ErrorOf({.kv_cache_bytes = 0}, kInvalid),
              HasSubstr("kv_cache_bytes"));
}

TEST_F(NativeRunnerOptionsTest, LoadingReportsProgressUpToTheEnd) {
  std::vector<int64_t> done;
  int64_t total = 0;
  LoadObserver observer;
  observer.progress = [&](int64_t done_bytes, int64_t total_bytes) {
    done.push_back(done_bytes);
    total = total_bytes;
  };
  ASSERT_TRUE(
      CreateNativeRunner(directory_.path(), {.block_count = 4}, observer).ok());
  ASSERT_FALSE(done.empty());
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), total);
}

TEST_F(NativeRunnerOptionsTest, AMissingUntiedHeadIsTheEmbeddingAndAWarning) {
  // Written as tied, then declared untied.
  std::ifstream in(directory_.path() + "/config.json");
  std::string json((std::istreambuf_iterator<char>(in)), {});
  const std::string from = "\"tie_word_embeddings\": true";
  json.replace(json.find(from), from.size(), "\"tie_word_embeddings\": false");
  const Logits expected =
      RunAlone(*Open(directory_.path()), {1, 2, 3}, 3, kBlocks);
  directory_.Write("config.json", json);
  std::vector<std::string> warnings;
  LoadObserver observer;
  observer.warning = [&](std::string_view text) {
    warnings.emplace_back(text);
  };
  auto runner = CreateNativeRunner(directory_.path(),
                                   {.block_count = 64, .threads = 1}, observer);
  ASSERT_TRUE(runner.ok()) << runner.status();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("lm_head.weight"));
  EXPECT_EQ(RunAlone(**runner, {1, 2, 3}, 3, kBlocks), expected);
}

TEST_F(NativeRunnerOptionsTest, MissingFilesAreNotFound) {
  TempDir empty;
  EXPECT_EQ(CreateNativeRunner(empty.path(), {}).status().code(),
            absl::StatusCode::kNotFound);
  empty.Write("config.json", "{}");
  EXPECT_EQ(CreateNativeRunner(empty.path(), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  std::ifstream in(directory_.path() + "/config.json");
  empty.Write("config.json",
              std::string((std::istreambuf_iterator<char>(in)), {}));
  EXPECT_EQ(CreateNativeRunner(empty.path(), {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(NativeRunnerOptionsTest, AContradictoryConfigNamesTheTensors) {
  TempDir other;
  RandomModel model;
  model.ffn_size = 71;
  WriteRandomModel(model, other.path());
  std::ifstream in(directory_.path() + "/config.json");
  other.Write("config.json",
              std::string((std::istreambuf_iterator<char>(in)), {}));
  const auto runner = CreateNativeRunner(other.path(), {});
  EXPECT_EQ(runner.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(runner.status().message()),
              HasSubstr("mlp.gate_proj.weight: shape must be [70, 48], "
                        "got [71, 48]"));
}

using NativeRunnerDeathTest = NativeRunnerOptionsTest;

TEST_F(NativeRunnerDeathTest, PlansOutOfRangeAreCaught) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto runner = Open(directory_.path());
  StepPlan plan;
  plan.sequences.push_back({{101}, 0, {0}, true});
  EXPECT_DEATH((void)runner->Run(plan), "token id out of range");
  plan.sequences[0] = {{1}, 0, {64}, true};
  EXPECT_DEATH((void)runner->Run(plan), "block of a sequence");
  plan.sequences[0] = {{1}, 32, {0}, true};
  EXPECT_DEATH((void)runner->Run(plan), "block table too short");
}

}  // namespace
}  // namespace sluice::generator
