#include "services/gateway/routing/pick.h"

#include <gtest/gtest.h>

namespace sluice::gateway {
namespace {

std::pair<int, int> Picked(const std::vector<TokenizerCandidate>& tokenizers,
                           const std::vector<GeneratorCandidate>& generators,
                           std::string_view model = "") {
  const auto pair = PickPair(tokenizers, generators, model);
  if (!pair) return {-1, -1};
  return {static_cast<int>(pair->tokenizer), static_cast<int>(pair->generator)};
}

TEST(PickPair, NothingWithoutAPairOfEqualVocabulary) {
  EXPECT_EQ(Picked({}, {}), std::pair(-1, -1));
  EXPECT_EQ(Picked({{"a"}}, {}), std::pair(-1, -1));
  EXPECT_EQ(Picked({}, {{"m", "a"}}), std::pair(-1, -1));
  EXPECT_EQ(Picked({{"a"}}, {{"m", "b"}}), std::pair(-1, -1));
}

TEST(PickPair, LeastBusyGeneratorThatHasATokenizerWins) {
  EXPECT_EQ(Picked({{"a"}}, {{"m", "a", 2}, {"m", "b", 0}, {"m", "a", 1}}),
            std::pair(0, 2));
}

TEST(PickPair, LeastBusyTokenizerOfThatVocabularyWins) {
  EXPECT_EQ(Picked({{"b", 0}, {"a", 3}, {"a", 1}}, {{"m", "a"}}),
            std::pair(2, 0));
}

TEST(PickPair, TiesGoToTheFirst) {
  EXPECT_EQ(Picked({{"a"}, {"a"}}, {{"m", "a"}, {"m", "a"}}), std::pair(0, 0));
}

TEST(PickPair, NamedModelIsServedByItsOwnGenerators) {
  EXPECT_EQ(Picked({{"a"}}, {{"m", "a", 0}, {"n", "a", 9}}, "n"),
            std::pair(0, 1));
  EXPECT_EQ(Picked({{"a"}}, {{"m", "a"}}, "n"), std::pair(-1, -1));
}

}  // namespace
}  // namespace sluice::gateway
