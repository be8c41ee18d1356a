// Every backend against Hugging Face transformers (stored), and against itself
// and the others on random plans.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/generator/make_random_model.h"
#include "tests/parity/backends.h"
#include "tests/parity/goldens.h"
#include "tests/parity/model_driver.h"
#include "tests/parity/random_plans.h"

namespace sluice::parity {
namespace {

namespace fs = std::filesystem;
using generator::LogitsView;
using generator::ModelRunner;
using generator::RunnerInfo;
using generator::SequenceRows;
using generator::StepPlan;

constexpr char kGoldenDirectory[] = SLUICE_GOLDEN_DIRECTORY;

const Goldens& AllGoldens() {
  static const absl::StatusOr<Goldens>* goldens =
      new absl::StatusOr<Goldens>(LoadGoldens(kGoldenDirectory));
  EXPECT_TRUE(goldens->ok()) << goldens->status();
  return **goldens;
}

// A model directory that goes away with the test.
class ScratchDirectory {
 public:
  ScratchDirectory()
      : path_(fs::path(testing::TempDir()) /
              ("parity-" + std::to_string(getpid()) + "-" +
               std::to_string(reinterpret_cast<uintptr_t>(this)))) {}
  ~ScratchDirectory() { fs::remove_all(path_); }
  std::string path() const { return path_; }

 private:
  const fs::path path_;
};

TEST(GoldensTest, CoverEveryKindOfModelWithEnoughRows) {
  const Goldens& goldens = AllGoldens();
  EXPECT_EQ(goldens.greedy_tokens, 64);
  EXPECT_EQ(goldens.tolerance, 1e-4);
  std::set<std::string> kinds;
  size_t cases = 0, rows = 0;
  for (const GoldenModel& model : goldens.models) {
    kinds.insert(model.name);
    cases += model.cases.size();
    for (const GoldenCase& golden : model.cases) rows += golden.logits.size();
  }
  for (const std::string family : {"qwen2", "llama"}) {
    for (const std::string heads : {"mha", "gqa"}) {
      for (const std::string head : {"tied", "untied"}) {
        EXPECT_TRUE(kinds.contains(family + "-" + heads + "-" + head));
      }
    }
  }
  EXPECT_GE(cases, 30u);
  EXPECT_GE(rows, 240u);
}

TEST(GoldensTest, ADriftedGeneratorIsNoticed) {
  const ScratchDirectory directory;
  GoldenModel model = AllGoldens().models[0];
  EXPECT_TRUE(MakeGoldenModel(model, directory.path()).ok());
  ++model.seed;
  EXPECT_EQ(MakeGoldenModel(model, directory.path()).code(),
            absl::StatusCode::kDataLoss);
}

class BackendTest : public testing::TestWithParam<Backend> {
 protected:
  std::unique_ptr<ModelRunner> Make(int32_t positions) const {
    auto runner = GetParam().make({directory_.path(), positions});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return runner.ok() ? *std::move(runner) : nullptr;
  }

  const ScratchDirectory directory_;
};

std::string BackendName(const testing::TestParamInfo<Backend>& info) {
  return info.param.name + "_" + info.param.isa;
}

void ExpectWithinTolerance(const GoldenModel& model, Mode mode,
                           const ModeResult& result, double tolerance) {
  const std::string where = model.name + " " + ModeName(mode);
  size_t decode_rows = 0, prompt_rows = 0;
  for (const RowSample& row : result.rows) {
    ++(row.decode ? decode_rows : prompt_rows);
    EXPECT_LE(row.difference.Ratio(), tolerance)
        << where << " case " << row.case_index << " position " << row.position;
    EXPECT_GT(row.spread, 1.0) << where;
  }
  EXPECT_EQ(decode_rows, 6 * model.cases.size()) << where;
  EXPECT_GE(prompt_rows, model.cases.size()) << where;
  ASSERT_EQ(result.cases.size(), model.cases.size());
  for (const CaseResult& checked : result.cases) {
    EXPECT_EQ(checked.greedy_equal, 64) << where;
    EXPECT_EQ(checked.greedy_wanted, 64) << where;
  }
}

TEST_P(BackendTest, EveryModelGivesTheLogitsOfTransformersInEveryMode) {
  for (const GoldenModel& model : AllGoldens().models) {
    ASSERT_TRUE(MakeGoldenModel(model, directory_.path()).ok());
    const auto runner = Make(PositionsNeeded(model));
    ASSERT_NE(runner, nullptr);
    EXPECT_EQ(runner->info().backend, GetParam().name);
    EXPECT_EQ(runner->info().isa, GetParam().isa);
    EXPECT_EQ(runner->info().kv_format, "f32");
    for (const Mode mode : kModes) {
      const auto result = RunMode(*runner, model, mode);
      ASSERT_TRUE(result.ok()) << result.status();
      ExpectWithinTolerance(model, mode, *result, AllGoldens().tolerance);
    }
  }
}

// Passes plans on and bends one value of the logits a little.
class BentRunner final : public ModelRunner {
 public:
  BentRunner(ModelRunner& straight, float by) : straight_(straight), by_(by) {}
  const RunnerInfo& info() const override { return straight_.info(); }
  absl::StatusOr<LogitsView> Run(const StepPlan& plan) override {
    auto view = straight_.Run(plan);
    if (!view.ok()) return view;
    values_.assign(view->values.begin(), view->values.end());
    for (int32_t row = 0; row < view->rows; ++row) {
      values_[static_cast<size_t>(row) * view->vocabulary_size + 5] += by_;
    }
    view->values = values_;
    return view;
  }

 private:
  ModelRunner& straight_;
  const float by_;
  std::vector<float> values_;
};

TEST_P(BackendTest, ABentLogitIsFoundOut) {
  const GoldenModel& model = AllGoldens().models[0];
  ASSERT_TRUE(MakeGoldenModel(model, directory_.path()).ok());
  const auto runner = Make(PositionsNeeded(model));
  ASSERT_NE(runner, nullptr);
  for (const float by : {0.01f, std::nanf("")}) {
    BentRunner bent(*runner, by);
    const auto result = RunMode(bent, model, Mode::kWhole);
    ASSERT_TRUE(result.ok());
    for (const RowSample& row : result->rows) {
      EXPECT_GT(row.difference.Ratio(), AllGoldens().tolerance);
    }
  }
  BentRunner bent(*runner, 100.0f);
  const auto result = RunMode(bent, model, Mode::kWhole);
  ASSERT_TRUE(result.ok());
  EXPECT_LT(result->cases[0].greedy_equal, 64);
}

std::vector<float> LogitsAlone(ModelRunner& runner,
                               const std::vector<int32_t>& ids) {
  SequenceRows rows;
  rows.token_ids = ids;
  rows.wants_logits = true;
  const int32_t size = static_cast<int32_t>(ids.size());
  for (int32_t block = 0; block * runner.info().block_size < size; ++block) {
    rows.block_table.push_back(block);
  }
  const auto logits = runner.Run({{}, {rows}});
  EXPECT_TRUE(logits.ok()) << logits.status();
  return {logits->values.begin(), logits->values.end()};
}

constexpr int32_t kRandomPositions = 120;
constexpr int32_t kRandomSteps = 40;

// Calls judge(mixed row, ids of that sequence) for every row of logits.
template <typename Judge>
void RunRandomPlans(ModelRunner& runner, uint32_t seed, const Judge& judge) {
  const RunnerInfo& info = runner.info();
  RandomPlans plans({info.vocabulary_size, info.block_size, info.block_count,
                     kRandomPositions},
                    seed);
  for (int32_t step = 0; step < kRandomSteps; ++step) {
    const StepPlan plan = plans.Next();
    const auto logits = runner.Run(plan);
    ASSERT_TRUE(logits.ok()) << logits.status();
    int32_t row = 0;
    for (size_t i = 0; i < plan.sequences.size(); ++i) {
      if (!plan.sequences[i].wants_logits) continue;
      judge(logits->Row(row++), plans.History(i));
    }
    ASSERT_EQ(logits->rows, row);
  }
}

TEST_P(BackendTest, AMixedBatchGivesTheLogitsOfEachSequenceAlone) {
  const uint32_t seed = 20261121;
  for (const std::string family : {"qwen2", "llama"}) {
    generator::RandomModelOptions options;
    options.out = directory_.path();
    options.family = family;
    options.shape =
        "tiny,hidden=60,heads=6,kv_heads=3,head_dim=10,ffn=99,vocab=301";
    if (family == "llama") options.shape += ",tied=false";
    options.overwrite = true;
    ASSERT_TRUE(generator::MakeRandomModel(options).ok());
    const auto mixed = Make(16 * kRandomPositions);
    const auto alone = Make(2 * kRandomPositions);
    ASSERT_TRUE(mixed != nullptr && alone != nullptr);
    // The numerics contract of the native backend: equal bits.
    const double tolerance = GetParam().name == "native" ? 0.0 : 1e-4;
    int32_t rows = 0;
    RunRandomPlans(
        *mixed, seed,
        [&](absl::Span<const float> row, const std::vector<int32_t>& ids) {
          ++rows;
          EXPECT_LE(CompareRows(row, LogitsAlone(*alone, ids)).Ratio(),
                    tolerance)
              << family << ", " << ids.size() << " ids, seed " << seed;
        });
    EXPECT_GT(rows, kRandomSteps);
  }
}

INSTANTIATE_TEST_SUITE_P(All, BackendTest,
                         testing::ValuesIn(AvailableBackends()), BackendName);

TEST(CrossBackendTest, AllBackendsAgreeOnRandomPlans) {
  const std::vector<Backend> backends = AvailableBackends();
  if (!BuiltWithTorch()) GTEST_SKIP() << "built without the torch backend";
  const ScratchDirectory directory;
  generator::RandomModelOptions options;
  options.out = directory.path();
  options.shape = "tiny,layers=3,hidden=72,heads=6,ffn=250,vocab=400";
  options.type = TensorType::kBF16;
  ASSERT_TRUE(generator::MakeRandomModel(options).ok());
  for (const uint32_t seed : {1u, 2u}) {
    std::map<std::string, std::vector<std::vector<float>>> rows;
    for (const Backend& backend : backends) {
      const auto runner =
          backend.make({directory.path(), 16 * kRandomPositions});
      ASSERT_TRUE(runner.ok()) << runner.status();
      RunRandomPlans(
          **runner, seed,
          [&](absl::Span<const float> row, const std::vector<int32_t>&) {
            rows[backend.isa].emplace_back(row.begin(), row.end());
          });
    }
    const auto& reference = rows.at("torch");
    EXPECT_GT(reference.size(), static_cast<size_t>(kRandomSteps));
    for (const auto& [isa, other] : rows) {
      ASSERT_EQ(other.size(), reference.size());
      for (size_t i = 0; i < other.size(); ++i) {
        EXPECT_LE(CompareRows(other[i], reference[i]).Ratio(), 1e-4)
            << isa << ", row " << i << ", seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::parity
