#include "services/generator/scheduler/prompt_lookup.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Ids = std::vector<int32_t>;

Ids GuessOf(const Ids& ids, int32_t most = 4) {
  return PromptLookup().Guess(ids, most);
}

TEST(PromptLookupTest, WhatFollowedTheLastIdsIsGuessed) {
  EXPECT_THAT(GuessOf({1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3}),
              ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(GuessOf({1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3}, 2), ElementsAre(4, 5));
}

TEST(PromptLookupTest, NothingIsGuessedOfWhatNeverStoodTogether) {
  EXPECT_THAT(GuessOf({}), IsEmpty());
  EXPECT_THAT(GuessOf({1}), IsEmpty());
  EXPECT_THAT(GuessOf({1, 2, 3}), IsEmpty());
  EXPECT_THAT(GuessOf({1, 2, 3, 4, 5, 9, 2, 3}), IsEmpty());
}

TEST(PromptLookupTest, ThePlaceWithMostInCommonCountsAndOfEqualOnesTheLast) {
  EXPECT_THAT(GuessOf({7, 1, 2, 3, 50, 8, 1, 2, 3, 60, 7, 1, 2, 3}, 1),
              ElementsAre(50));
  EXPECT_THAT(GuessOf({5, 1, 2, 3, 50, 8, 1, 2, 3, 60, 7, 1, 2, 3}, 1),
              ElementsAre(60));
}

TEST(PromptLookupTest, ARepetitionGoesRound) {
  EXPECT_THAT(GuessOf({8, 8, 8, 8}, 5), ElementsAre(8, 8, 8, 8, 8));
  EXPECT_THAT(GuessOf({9, 1, 2, 3, 1, 2, 3}, 7),
              ElementsAre(1, 2, 3, 1, 2, 3, 1));
}

// Read piece by piece, as a sequence grows, against a search through all.
TEST(PromptLookupTest, GuessesAreThoseOfASearchThroughAll) {
  std::mt19937 random(5);
  int32_t found = 0;
  for (int32_t round = 0; round < 20; ++round) {
    PromptLookup lookup;
    Ids ids;
    while (ids.size() < 300) {
      for (int32_t more = 1 + random() % 5; more > 0; --more) {
        ids.push_back(random() % 9);
      }
      const int32_t size = static_cast<int32_t>(ids.size());
      int32_t best = -1, most = 2;
      for (int32_t place = 3; place < size; ++place) {
        int32_t common = 0;
        while (common < std::min(place, PromptLookup::kMostCompared) &&
               ids[place - 1 - common] == ids[size - 1 - common]) {
          ++common;
        }
        if (common > 2 && common >= most) best = place, most = common;
      }
      const Ids guesses = lookup.Guess(ids, 1);
      found += best >= 0;
      ASSERT_EQ(guesses.size(), best >= 0 ? 1u : 0u);
      if (best >= 0) {
        ASSERT_EQ(guesses[0], ids[best]);
      }
    }
  }
  EXPECT_GT(found, 100);
}

TEST(PromptLookupTest, ALongPromptIsReadPieceByPiece) {
  Ids ids(3 * PromptLookup::kMostIndexed);
  std::iota(ids.begin(), ids.end(), 100);
  const size_t late = ids.size() - 100;
  for (int32_t i = 0; i < 3; ++i) ids.push_back(ids[late + i]);
  PromptLookup lookup;
  EXPECT_THAT(lookup.Guess(ids, 1), IsEmpty());
  EXPECT_THAT(lookup.Guess(ids, 1), IsEmpty());
  EXPECT_THAT(lookup.Guess(ids, 1), ElementsAre(ids[late + 3]));
}

}  // namespace
}  // namespace sluice::generator
