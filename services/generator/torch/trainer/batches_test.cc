#include "services/generator/torch/trainer/batches.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::vector<int32_t> SomeLengths() {
  std::vector<int32_t> lengths;
  for (int32_t i = 0; i < 500; ++i) lengths.push_back(2 + (i * 37) % 91);
  lengths.push_back(3000);
  return lengths;
}

BatchOptions SmallBatches() {
  BatchOptions options;
  options.batch_tokens = 400;
  options.window_batches = 8;
  return options;
}

TEST(PlanEpochTest, ShowsEveryDocumentOnce) {
  const std::vector<int32_t> lengths = SomeLengths();
  std::vector<int32_t> seen;
  for (const auto& batch : PlanEpoch(lengths, SmallBatches(), 0)) {
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  std::sort(seen.begin(), seen.end());
  std::vector<int32_t> all(lengths.size());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(seen, all);
}

TEST(PlanEpochTest, KeepsBatchesWithinTheirTokens) {
  const std::vector<int32_t> lengths = SomeLengths();
  for (const auto& batch : PlanEpoch(lengths, SmallBatches(), 3)) {
    int64_t width = 0;
    for (const int32_t document : batch) {
      width = std::max<int64_t>(width, lengths[document]);
    }
    if (batch.size() > 1) {
      EXPECT_LE(width * static_cast<int64_t>(batch.size()), 400);
    }
  }
}

TEST(PlanEpochTest, FillsAtLeastTheWantedRows) {
  BatchOptions options = SmallBatches();
  options.min_rows = 3;
  options.window_batches = 1000;  // one window: only its last batch is short
  int short_batches = 0;
  for (const auto& batch :
       PlanEpoch(std::vector<int32_t>(100, 350), options, 0)) {
    short_batches += batch.size() < 3 ? 1 : 0;
  }
  EXPECT_EQ(short_batches, 1);  // 100 = 33 * 3 + 1
}

TEST(PlanEpochTest, DependsOnSeedAndEpochOnly) {
  const std::vector<int32_t> lengths = SomeLengths();
  BatchOptions options = SmallBatches();
  EXPECT_EQ(PlanEpoch(lengths, options, 1), PlanEpoch(lengths, options, 1));
  EXPECT_NE(PlanEpoch(lengths, options, 1), PlanEpoch(lengths, options, 2));
  const auto first = PlanEpoch(lengths, options, 1);
  options.seed += 1;
  EXPECT_NE(PlanEpoch(lengths, options, 1), first);
}

TEST(DealTest, GivesEachShardItsTurn) {
  EXPECT_THAT(Deal({4, 5, 6, 7}, 3),
              ElementsAre(ElementsAre(4, 7), ElementsAre(5), ElementsAre(6)));
}

class MakeBatchTest : public ::testing::Test {
 protected:
  // Two documents; 90 begins an answer, 92 ends it.
  IdFile File() {
    const std::string prefix = ::testing::TempDir() + "/make_batch";
    const std::vector<uint16_t> ids = {1, 90, 5, 92, 93, 1, 2, 93};
    std::ofstream(prefix + ".u16", std::ios::binary)
        .write(reinterpret_cast<const char*>(ids.data()), 16);
    std::ofstream(prefix + ".json")
        << R"({"vocabulary_size": 100, "end_of_text": 93,
               "answer_begin": [90], "answer_end": 92,
               "document_offsets": [0, 5, 8]})";
    return *IdFile::Read(prefix);
  }
};

TEST_F(MakeBatchTest, LearnsAnswersOnlyWithoutPromptWeight) {
  const Batch batch = MakeBatch(File(), {0, 1}, 0);
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.width, 4);
  EXPECT_THAT(batch.ids, ElementsAre(1, 90, 5, 92, 1, 2, 0, 0));
  EXPECT_THAT(batch.places, ElementsAre(1, 2));
  EXPECT_THAT(batch.targets, ElementsAre(5, 92));
  EXPECT_THAT(batch.weights, Each(std::sqrt(0.5f)));
}

TEST_F(MakeBatchTest, WeighsPromptsAndLeavesPaddingOut) {
  const Batch batch = MakeBatch(File(), {0, 1}, 0.25f);
  EXPECT_THAT(batch.places, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(batch.targets, ElementsAre(90, 5, 92, 93, 2, 93));
  const float answer = std::sqrt(0.5f);
  EXPECT_THAT(batch.weights,
              ElementsAre(0.25f, answer, answer, 0.25f, 0.25f, 0.25f));
}

}  // namespace
}  // namespace sluice::generator
