#include "services/generator/runner/attention_plan.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "gtest/gtest.h"
#include "services/generator/kernels/attention.h"

namespace sluice::generator {
namespace {

constexpr int64_t kPlenty = 1 << 20;

AttentionPlan Plan(const std::vector<AttentionRows>& sequences,
                   const AttentionShape& shape) {
  AttentionPlan plan;
  plan.tasks.resize(3);  // of a pass before
  plan.cut_heads = 7;
  PlanAttention(sequences, shape, plan);
  return plan;
}

int64_t WorkOf(const AttentionTask& task,
               const std::vector<AttentionRows>& sequences, int32_t group) {
  const int32_t length = sequences[task.sequence].first_position +
                         (task.vector_end - 1) / group + 1;
  const int32_t begin = task.part * kernels::kAttentionPart;
  const int32_t positions =
      task.parts == 1 ? length
                      : std::min(kernels::kAttentionPart, length - begin);
  return int64_t{positions} * (task.vector_end - task.vector_begin);
}

// Every vector of every head meets every part of its positions once.
void ExpectWhole(const AttentionPlan& plan,
                 const std::vector<AttentionRows>& sequences,
                 const AttentionShape& shape) {
  std::map<std::tuple<int32_t, int32_t, int32_t>, int32_t> parts_seen;
  std::set<std::tuple<int32_t, int32_t, int32_t>> parts_of_heads;
  for (const AttentionTask& task : plan.tasks) {
    for (int32_t v = task.vector_begin; v < task.vector_end; ++v) {
      parts_seen[{task.sequence, task.kv_head, v}] += 1;
    }
    ASSERT_GE(task.part, 0);
    ASSERT_LT(task.part, task.parts);
    if (task.parts == 1) continue;
    EXPECT_TRUE(
        parts_of_heads.insert({task.sequence, task.kv_head, task.part}).second);
    EXPECT_LT(task.cut_head, plan.cut_heads);
    EXPECT_EQ(sequences[task.sequence].rows, 1);
  }
  size_t vectors = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    vectors += size_t(sequences[s].rows) * shape.group * shape.kv_heads;
  }
  EXPECT_EQ(parts_seen.size(), vectors);
  for (const AttentionTask& task : plan.tasks) {
    EXPECT_EQ((parts_seen[{task.sequence, task.kv_head, task.vector_begin}]),
              task.parts);
  }
}

// The partials of distinct heads are apart, and all have room.
void ExpectPartialsApart(const AttentionPlan& plan,
                         const AttentionShape& shape) {
  std::map<int64_t, std::pair<int64_t, int32_t>> heads;  // by first partial
  for (const AttentionTask& task : plan.tasks) {
    if (task.parts == 1) continue;
    heads[task.first_partial] = {
        task.first_partial + int64_t{task.parts} * shape.group, task.cut_head};
  }
  EXPECT_EQ(heads.size(), static_cast<size_t>(plan.cut_heads));
  int64_t end = 0;
  std::set<int32_t> numbers;
  for (const auto& [first, head] : heads) {
    EXPECT_GE(first, end);
    end = head.first;
    EXPECT_TRUE(numbers.insert(head.second).second);
  }
  EXPECT_LE(end, shape.max_partials);
}

TEST(AttentionPlan, RandomPassesAreCoveredOnceLongestFirst) {
  std::mt19937 random(5);
  const auto draw = [&](int32_t least, int32_t most) {
    return std::uniform_int_distribution<int32_t>(least, most)(random);
  };
  int64_t cut = 0;
  for (int turn = 0; turn < 500; ++turn) {
    AttentionShape shape{draw(1, 8), draw(1, 7), draw(1, 16),
                         draw(0, 1) * draw(0, 4000)};
    std::vector<AttentionRows> sequences(draw(1, 6));
    for (AttentionRows& rows : sequences) {
      rows = {draw(0, 1) * draw(0, 5000), draw(0, 2) == 0 ? draw(2, 70) : 1};
    }
    const AttentionPlan plan = Plan(sequences, shape);
    ExpectWhole(plan, sequences, shape);
    ExpectPartialsApart(plan, shape);
    cut += plan.cut_heads;
    EXPECT_TRUE(
        std::is_sorted(plan.tasks.begin(), plan.tasks.end(),
                       [&](const AttentionTask& a, const AttentionTask& b) {
                         return WorkOf(a, sequences, shape.group) >
                                WorkOf(b, sequences, shape.group);
                       }));
  }
  EXPECT_GT(cut, 100);
}

TEST(AttentionPlan, ALongRowAloneIsCutSoThatAllThreadsWork) {
  const AttentionShape shape{2, 6, 4, kPlenty};
  const AttentionPlan plan = Plan({{1023, 1}}, shape);
  EXPECT_EQ(plan.cut_heads, 2);
  EXPECT_EQ(plan.tasks.size(), 8u);
}

TEST(AttentionPlan, ShortRowsAndThoseOfALargeBatchStayWhole) {
  const AttentionShape shape{2, 6, 4, kPlenty};
  EXPECT_EQ(Plan({{255, 1}}, shape).cut_heads, 0);
  EXPECT_EQ(Plan(std::vector<AttentionRows>(32, {1023, 1}), shape).cut_heads,
            0);
  // One of them much longer than the others.
  std::vector<AttentionRows> sequences(32, {100, 1});
  sequences[7] = {8000, 1};
  EXPECT_EQ(Plan(sequences, shape).cut_heads, 2);
}

TEST(AttentionPlan, WithoutMemoryForPartialsNothingIsCut) {
  EXPECT_EQ(Plan({{1023, 1}}, {2, 6, 4, 47}).cut_heads, 0);
  EXPECT_EQ(Plan({{1023, 1}}, {2, 6, 4, 48}).cut_heads, 2);
}

}  // namespace
}  // namespace sluice::generator
