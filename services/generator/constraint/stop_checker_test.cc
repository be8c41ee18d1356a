#include "services/generator/constraint/stop_checker.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::generator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Vocabulary MakeVocabulary(std::vector<VocabularyEntry> entries,
                          DecodeRules rules = {}) {
  return *Vocabulary::Create(std::move(entries), rules);
}

// Ids of the small vocabulary below.
constexpr int32_t kA = 0, kB = 1, kC = 2, kAb = 3, kBca = 4, kEos = 5,
                  kSpace = 6, kEmpty = 7;

Vocabulary Small(DecodeRules rules = {}) {
  return MakeVocabulary(
      {{"a"}, {"b"}, {"c"}, {"ab"}, {"bca"}, {"<eos>", true}, {" "}, {""}},
      rules);
}

std::shared_ptr<const StopRules> Rules(std::vector<std::string> stops,
                                       std::vector<int32_t> stop_ids = {},
                                       int32_t max_new_tokens = 1000) {
  return std::make_shared<StopRules>(
      stops, std::move(stop_ids), std::vector<int32_t>{kEos}, max_new_tokens);
}

TEST(StopCheckerTest, IdsAreHeldWhileAStopMayStillComplete) {
  const Vocabulary vocabulary = Small();
  StopChecker checker(Rules({"abc"}), vocabulary);
  EXPECT_FALSE(checker.Push(kC).has_value());
  EXPECT_THAT(checker.TakeShowable(), ElementsAre(kC));
  EXPECT_FALSE(checker.Push(kA).has_value());
  EXPECT_THAT(checker.TakeShowable(), IsEmpty());
  EXPECT_FALSE(checker.Push(kB).has_value());
  EXPECT_THAT(checker.TakeShowable(), IsEmpty());
  EXPECT_FALSE(checker.Push(kA).has_value());
  EXPECT_THAT(checker.TakeShowable(), ElementsAre(kA, kB));
  EXPECT_FALSE(checker.Push(kB).has_value());
  const std::optional<SequenceEnd> end = checker.Push(kC);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, FinishReason::kStop);
  EXPECT_EQ(end->matched_stop, "abc");
  EXPECT_EQ(end->trim_bytes, 3);
  EXPECT_THAT(checker.TakeShowable(), ElementsAre(kA, kB, kC));
  EXPECT_EQ(checker.generated(), 6);
}

TEST(StopCheckerTest, StopMayBeginAndEndInsideTokens) {
  const Vocabulary vocabulary = Small();
  StopChecker checker(Rules({"bb"}), vocabulary);
  EXPECT_FALSE(checker.Push(kAb).has_value());
  EXPECT_THAT(checker.TakeShowable(), IsEmpty());
  const std::optional<SequenceEnd> end = checker.Push(kBca);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->trim_bytes, 4);  // "ab" "bca" -> "a"
  EXPECT_THAT(checker.TakeShowable(), ElementsAre(kAb, kBca));
}

TEST(StopCheckerTest, EarliestStartWinsAndThenTheShortest) {
  const Vocabulary vocabulary = Small();
  StopChecker late(Rules({"c", "bca", "bc"}), vocabulary);
  const std::optional<SequenceEnd> end = late.Push(kBca);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->matched_stop, "bc");
  EXPECT_EQ(end->trim_bytes, 3);
}

TEST(StopCheckerTest, SpecialAndEmptyIdsAreNoTextAndBreakNoMatch) {
  const Vocabulary vocabulary = Small();
  auto rules = std::make_shared<StopRules>(
      std::vector<std::string>{"ab", "<eos>"}, std::vector<int32_t>{},
      std::vector<int32_t>{}, 1000);
  StopChecker checker(rules, vocabulary);
  EXPECT_FALSE(checker.Push(kEos).has_value());
  EXPECT_THAT(checker.TakeShowable(), ElementsAre(kEos));
  EXPECT_FALSE(checker.Push(kA).has_value());
  EXPECT_FALSE(checker.Push(kEos).has_value());
  EXPECT_FALSE(checker.Push(kEmpty).has_value());
  EXPECT_THAT(checker.TakeShowable(), IsEmpty());
  const std::optional<SequenceEnd> end = checker.Push(kB);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->trim_bytes, 2);
}

TEST(StopCheckerTest, EosAndStopIdsEndWithoutBeingShown) {
  const Vocabulary vocabulary = Small();
  StopChecker eos(Rules({"abc"}), vocabulary);
  eos.Push(kA);
  std::optional<SequenceEnd> end = eos.Push(kEos);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, FinishReason::kEos);
  EXPECT_EQ(end->matched_id, kEos);
  EXPECT_EQ(end->trim_bytes, 0);
  EXPECT_THAT(eos.TakeShowable(), ElementsAre(kA));
  EXPECT_EQ(eos.generated(), 2);

  StopChecker stop_id(Rules({}, {kC}), vocabulary);
  end = stop_id.Push(kC);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->reason, FinishReason::kStop);
  EXPECT_EQ(end->matched_id, kC);
  EXPECT_THAT(stop_id.TakeShowable(), IsEmpty());
}

TEST(StopCheckerTest, StopInTheLastTokenComesBeforeLength) {
  const Vocabulary vocabulary = Small();
  StopChecker stop(Rules({"b"}, {}, 2), vocabulary);
  stop.Push(kA);
  EXPECT_EQ(stop.Push(kB)->reason, FinishReason::kStop);
  StopChecker length(Rules({"bc"}, {}, 2), vocabulary);
  length.Push(kA);
  EXPECT_EQ(length.Push(kB)->reason, FinishReason::kLength);
  EXPECT_THAT(length.TakeShowable(), ElementsAre(kA, kB));
}

TEST(StopCheckerTest, StrippedLeadingSpaceIsNoText) {
  const Vocabulary vocabulary = Small({.strip_leading_space = true});
  StopChecker checker(Rules({" a"}), vocabulary);
  EXPECT_FALSE(checker.Push(kSpace).has_value());
  EXPECT_FALSE(checker.Push(kA).has_value());
  EXPECT_FALSE(checker.Push(kSpace).has_value());
  EXPECT_TRUE(checker.Push(kA).has_value());
}

// The definition: after each id, look for every stop in the whole text.
struct Expected {
  size_t ids = 0;
  std::string matched_stop;
  size_t text_bytes = 0;  // that are left of the text
};
Expected BruteForce(const Vocabulary& vocabulary,
                    const std::vector<int32_t>& ids,
                    const std::vector<std::string>& stops) {
  std::string text;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!vocabulary.special(ids[i])) text += vocabulary.bytes(ids[i]);
    size_t best = std::string::npos;
    std::string matched;
    for (const std::string& stop : stops) {
      const size_t start = text.find(stop);
      if (start == std::string::npos) continue;
      if (start < best || (start == best && stop.size() < matched.size())) {
        best = start;
        matched = stop;
      }
    }
    if (best != std::string::npos) return {i + 1, matched, best};
  }
  return {ids.size(), "", text.size()};
}

TEST(StopCheckerTest, RandomTextsAgreeWithBruteForce) {
  std::mt19937 random(17);
  const auto letters = [&](int most) {
    std::string text;
    for (int n = random() % (most + 1); n > 0; --n) text += "ab"[random() % 2];
    return text;
  };
  int stopped = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<VocabularyEntry> entries;
    for (int i = 0; i < 8; ++i) entries.push_back({letters(5), i == 0});
    const Vocabulary vocabulary = MakeVocabulary(entries);
    std::vector<std::string> stops;
    for (int n = 1 + random() % 3; n > 0; --n)
      stops.push_back(letters(7) + "a");
    std::vector<int32_t> ids(1 + random() % 12);
    for (int32_t& id : ids) id = random() % 8;
    const Expected expected = BruteForce(vocabulary, ids, stops);

    auto rules = std::make_shared<StopRules>(stops, std::vector<int32_t>{},
                                             std::vector<int32_t>{}, 1000);
    StopChecker checker(rules, vocabulary);
    std::vector<int32_t> shown;
    size_t last_shown_bytes = 0;
    std::optional<SequenceEnd> end;
    size_t used = 0;
    while (used < ids.size() && !end.has_value()) {
      end = checker.Push(ids[used++]);
      last_shown_bytes = 0;
      size_t shown_bytes = 0;
      for (int32_t id : checker.TakeShowable()) {
        shown.push_back(id);
        if (vocabulary.special(id)) continue;
        last_shown_bytes += vocabulary.bytes(id).size();
      }
      for (int32_t id : shown) {
        if (!vocabulary.special(id)) shown_bytes += vocabulary.bytes(id).size();
      }
      // Nothing of the final text's cut was ever shown before the end.
      if (!end.has_value() && !expected.matched_stop.empty()) {
        ASSERT_LE(shown_bytes, expected.text_bytes) << "round " << round;
      }
    }
    ASSERT_EQ(used, expected.ids) << "round " << round;
    ASSERT_EQ(end.has_value(), !expected.matched_stop.empty());
    if (!end.has_value()) continue;
    ++stopped;
    ASSERT_EQ(end->matched_stop, expected.matched_stop);
    size_t text_bytes = 0;
    for (int32_t id : shown) {
      if (!vocabulary.special(id)) text_bytes += vocabulary.bytes(id).size();
    }
    ASSERT_EQ(shown.size(), used);
    ASSERT_EQ(text_bytes - end->trim_bytes, expected.text_bytes);
    ASSERT_LE(static_cast<size_t>(end->trim_bytes), last_shown_bytes);
  }
  EXPECT_GT(stopped, 5000);
}

TEST(StopCheckerTest, ReplayThenPushIsPushAll) {
  const Vocabulary vocabulary = Small();
  std::mt19937 random(23);
  for (int round = 0; round < 2000; ++round) {
    auto rules = Rules({"abca", "cc"}, {}, 30);
    std::vector<int32_t> ids(30);
    for (int32_t& id : ids) id = random() % 5;
    StopChecker whole(rules, vocabulary);
    std::vector<int32_t> shown;
    std::vector<size_t> shown_after;  // ids shown after each push
    std::optional<SequenceEnd> end;
    for (size_t i = 0; i < ids.size() && !end.has_value(); ++i) {
      end = whole.Push(ids[i]);
      for (int32_t id : whole.TakeShowable()) shown.push_back(id);
      shown_after.push_back(shown.size());
    }
    ASSERT_TRUE(end.has_value());
    // Resume from what was shown before the last message.
    const size_t pushes = shown_after.size();
    if (pushes < 2) continue;
    const size_t delivered = shown_after[random() % (pushes - 1)];
    StopChecker resumed(rules, vocabulary);
    std::optional<SequenceEnd> early;
    ASSERT_EQ(resumed.Replay(absl::MakeSpan(shown.data(), delivered), early),
              delivered);
    ASSERT_FALSE(early.has_value());
    std::vector<int32_t> rest(shown.begin(), shown.begin() + delivered);
    std::optional<SequenceEnd> again;
    for (size_t i = delivered; i < ids.size() && !again.has_value(); ++i) {
      again = resumed.Push(ids[i]);
      for (int32_t id : resumed.TakeShowable()) rest.push_back(id);
    }
    ASSERT_EQ(rest, shown);
    ASSERT_EQ(again->reason, end->reason);
    ASSERT_EQ(again->trim_bytes, end->trim_bytes);
    ASSERT_EQ(again->matched_stop, end->matched_stop);
  }
}

}  // namespace
}  // namespace sluice::generator
