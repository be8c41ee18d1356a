#include "services/tokenizer/core/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Words = std::vector<std::pair<std::string, int64_t>>;

// The definition, spelled out: count all pairs anew for every merge.
TrainedBpe Naive(const Words& words, size_t size) {
  TrainedBpe result;
  std::vector<std::pair<std::vector<int32_t>, int64_t>> split;
  for (int i = 0; i < 256; ++i) {
    result.tokens.emplace_back(1, static_cast<char>(i));
  }
  for (const auto& [bytes, count] : words) {
    split.push_back({{}, count});
    for (const unsigned char byte : bytes) split.back().first.push_back(byte);
  }
  while (result.tokens.size() < size) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    for (const auto& [ids, count] : split) {
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        counts[{ids[i], ids[i + 1]}] += count;
      }
    }
    std::pair<int32_t, int32_t> best;
    int64_t best_count = 1;
    for (const auto& [pair, count] : counts) {
      if (count <= best_count) continue;
      best = pair;
      best_count = count;
    }
    if (best_count < 2) break;
    const auto id = static_cast<int32_t>(result.tokens.size());
    result.tokens.push_back(result.tokens[best.first] +
                            result.tokens[best.second]);
    result.merges.push_back(best);
    for (auto& [ids, count] : split) {
      std::vector<int32_t> joined;
      for (size_t i = 0; i < ids.size(); ++i) {
        if (i + 1 < ids.size() && ids[i] == best.first &&
            ids[i + 1] == best.second) {
          joined.push_back(id);
          ++i;
        } else {
          joined.push_back(ids[i]);
        }
      }
      ids = std::move(joined);
    }
  }
  return result;
}

TEST(TrainBpeTest, MergesTheMostFrequentPairFirst) {
  const auto bpe = TrainBpe({{"ab", 5}, {"abc", 3}, {"xc", 1}}, 258);
  ASSERT_TRUE(bpe.ok());
  EXPECT_THAT(bpe->merges, ElementsAre(Pair('a', 'b'), Pair(256, 'c')));
  EXPECT_EQ(bpe->tokens[256], "ab");
  EXPECT_EQ(bpe->tokens[257], "abc");
}

TEST(TrainBpeTest, OfEqualPairsTakesTheSmallestIds) {
  const auto bpe = TrainBpe({{"zy", 2}, {"ba", 2}, {"bc", 2}}, 257);
  ASSERT_TRUE(bpe.ok());
  EXPECT_THAT(bpe->merges, ElementsAre(Pair('b', 'a')));
}

TEST(TrainBpeTest, StopsWhenNoPairOccursTwice) {
  const auto bpe = TrainBpe({{"abc", 1}}, 1000);
  ASSERT_TRUE(bpe.ok());
  EXPECT_TRUE(bpe->merges.empty());
}

TEST(TrainBpeTest, AgreesWithTheDefinitionOnRandomWords) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    std::map<std::string, int64_t> counts;
    for (int i = 0; i < 60; ++i) {
      std::string word;
      const uint32_t length = 1 + random() % 9;
      // Three letters only, so that runs like "aaaa" are common.
      for (uint32_t j = 0; j < length; ++j) word += "abc"[random() % 3];
      counts[word] += 1 + random() % 4;
    }
    const Words words(counts.begin(), counts.end());
    const auto bpe = TrainBpe(words, 300);
    ASSERT_TRUE(bpe.ok());
    const TrainedBpe naive = Naive(words, 300);
    EXPECT_EQ(bpe->merges, naive.merges) << "seed " << seed;
    EXPECT_EQ(bpe->tokens, naive.tokens) << "seed " << seed;
  }
}

TEST(TrainBpeTest, RefusesImpossibleSizes) {
  EXPECT_EQ(TrainBpe({}, 255).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TrainBpe({}, (1 << 20) + 1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(WordCountsTest, WideCharactersStandAlone) {
  WordCounts counts;
  counts.Add("Sluice\xE6\x98\xAF\xE5\xA5\xBD");  // Sluice是好
  counts.Add(" caf\xC3\xA9");
  counts.Add(" caf\xC3\xA9");
  EXPECT_THAT(counts.Sorted(),
              ElementsAre(Pair(" caf\xC3\xA9", 2), Pair("Sluice", 1),
                          Pair("\xE5\xA5\xBD", 1), Pair("\xE6\x98\xAF", 1)));
}

}  // namespace
}  // namespace sluice::tokenizer
