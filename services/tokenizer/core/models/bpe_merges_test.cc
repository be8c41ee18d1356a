// Merges against the definition, which looks at every pair each time, under
// tables of random rules: also such that no training would give, where what a
// merge makes is joined by a rule of lower rank.

#include "services/tokenizer/core/models/bpe_merges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/modelfiles/json.h"
#include "common/vocabulary/token_table.h"
#include "services/tokenizer/core/models/rank_heap.h"

namespace sluice::tokenizer {
namespace {

// Words over a, b and c up to four letters; rules between those whose result
// is one too.
class Rules {
 public:
  explicit Rules(std::mt19937& random) {
    std::vector<std::string> last = {""};
    for (int length = 1; length <= 4; ++length) {
      std::vector<std::string> next;
      for (const std::string& word : last) {
        for (char letter : {'a', 'b', 'c'}) next.push_back(word + letter);
      }
      words_.insert(words_.end(), next.begin(), next.end());
      last = std::move(next);
    }
    for (int i = 0; i < 60; ++i) {
      const std::string& whole = words_[3 + random() % (words_.size() - 3)];
      const size_t cut = 1 + random() % (whole.size() - 1);
      rules_.emplace_back(whole.substr(0, cut), whole.substr(cut));
    }
    for (size_t rank = 0; rank < rules_.size(); ++rank) {
      ranks_[rules_[rank]] = rank;  // of equal ones the last
    }
  }

  std::string Json() const {
    std::string vocab;
    for (size_t id = 0; id < words_.size(); ++id) {
      absl::StrAppend(&vocab, id == 0 ? "" : ",", "\"", words_[id], "\":", id);
    }
    std::string merges;
    for (const auto& [left, right] : rules_) {
      absl::StrAppend(&merges, merges.empty() ? "" : ",", "[\"", left, "\",\"",
                      right, "\"]");
    }
    return absl::StrCat("{\"model\":{\"vocab\":{", vocab, "},\"merges\":[",
                        merges, "]}}");
  }

  std::vector<std::string> Apply(const std::string& text) const {
    std::vector<std::string> parts;
    for (char letter : text) parts.emplace_back(1, letter);
    for (;;) {
      size_t best = rules_.size();
      size_t at = 0;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        auto rank = ranks_.find({parts[i], parts[i + 1]});
        if (rank == ranks_.end() || rank->second >= best) continue;
        best = rank->second;
        at = i;
      }
      if (best == rules_.size()) return parts;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<ptrdiff_t>(at) + 1);
    }
  }

  const std::string& word(int32_t id) const { return words_[id]; }

 private:
  std::vector<std::string> words_;
  std::vector<std::pair<std::string, std::string>> rules_;
  std::map<std::pair<std::string, std::string>, size_t> ranks_;
};

TEST(BpeMerges, TextsOfEveryLengthMergeAsTheDefinitionSays) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    const Rules rules(random);
    auto document = JsonDocument::Parse(rules.Json(), "t", JsonLimits{});
    ASSERT_TRUE(document.ok()) << document.status();
    auto table = ReadTokenTable(document->root());
    ASSERT_TRUE(table.ok()) << table.status();
    auto merges =
        BpeMerges::FromJson(*document->root().Get("model"), *table, "");
    ASSERT_TRUE(merges.ok()) << merges.status();
    for (size_t length : {0, 1, 2, 7, 39, 40, 41, 42, 150, 400}) {
      std::string text;
      while (text.size() < length) {
        text.append(1 + random() % 4, static_cast<char>('a' + random() % 3));
      }
      text.resize(length);
      std::vector<ModelToken> tokens = {{1000, 0, 0}};  // not to be touched
      for (uint32_t i = 0; i < length; ++i) {
        tokens.push_back({text[i] - 'a', i, i + 1});
      }
      merges->Apply(1, tokens);
      std::vector<std::string> parts;
      for (size_t i = 1; i < tokens.size(); ++i) {
        parts.push_back(rules.word(tokens[i].id));
        EXPECT_EQ(parts.back(), text.substr(tokens[i].begin,
                                            tokens[i].end - tokens[i].begin));
      }
      ASSERT_EQ(parts, rules.Apply(text)) << rules.Json() << " on " << text;
      ASSERT_EQ(tokens[0].id, 1000);
    }
  }
}

TEST(MergeTable, EveryPairIsFoundAndNoOther) {
  std::mt19937 random(3);
  std::map<std::pair<int32_t, int32_t>, Merge> pairs;
  MergeTable table(5000);
  for (uint32_t i = 0; i < 5000; ++i) {
    // Neighbours, and ids as large as they get.
    const auto left = static_cast<int32_t>(random() % 300);
    const auto right = static_cast<int32_t>(
        random() % 2 == 0 ? random() % 300 : (1 << 24) - random() % 300);
    const Merge merge{i, static_cast<int32_t>(i * 7)};
    pairs[{left, right}] = merge;
    table.Insert(left, right, merge);
  }
  for (int32_t left = 0; left < 300; ++left) {
    for (int32_t right = 0; right < 300; ++right) {
      auto found = pairs.find({left, right});
      const Merge merge = table.Find(left, right);
      if (found == pairs.end()) {
        EXPECT_EQ(merge.rank, Merge::kNoRank);
      } else {
        EXPECT_EQ(merge.rank, found->second.rank);
        EXPECT_EQ(merge.id, found->second.id);
      }
    }
  }
  for (const auto& [pair, merge] : pairs) {
    EXPECT_EQ(table.Find(pair.first, pair.second).rank, merge.rank);
  }
  EXPECT_EQ(MergeTable(0).Find(1, 2).rank, Merge::kNoRank);
}

TEST(RankHeap, ValuesComeOutInOrderHoweverTheyCameIn) {
  std::mt19937 random(5);
  for (size_t count = 0; count < 70; ++count) {
    std::vector<uint64_t> values(count);
    for (uint64_t& value : values) value = random() % 40;
    RankHeap heap(values);
    std::vector<uint64_t> inside = values;
    for (int i = 0; i < 200; ++i) {
      if (inside.empty() || random() % 3 == 0) {
        inside.push_back(random() % 40);
        heap.Push(inside.back());
        continue;
      }
      auto least = std::min_element(inside.begin(), inside.end());
      ASSERT_EQ(heap.Pop(), *least);
      inside.erase(least);
    }
    std::sort(inside.begin(), inside.end());
    for (uint64_t value : inside) ASSERT_EQ(heap.Pop(), value);
    EXPECT_TRUE(heap.empty());
  }
}

}  // namespace
}  // namespace sluice::tokenizer
