#include "services/generator/kv_cache/block_pool.h"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/kv_cache/block_table.h"

namespace sluice::generator {
namespace {

TEST(BlockPoolTest, PoolNeverHandsOutABlockTwice) {
  BlockPool pool(5, 4);
  std::vector<BlockRef> held;
  std::set<int32_t> ids;
  while (std::optional<BlockRef> block = pool.Allocate()) {
    EXPECT_TRUE(ids.insert(block->id()).second);
    held.push_back(*std::move(block));
  }
  EXPECT_EQ(ids, (std::set<int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(pool.counts().active, 5);
  held.clear();
  EXPECT_EQ(pool.counts().free, 5);
}

TEST(BlockPoolTest, BlockIsFreeOnlyAfterItsLastReferenceIsGone) {
  BlockPool pool(1, 4);
  std::optional<BlockRef> first = pool.Allocate();
  std::optional<BlockRef> second = first->Share();
  EXPECT_FALSE(first->unique());
  first.reset();
  EXPECT_EQ(pool.counts().active, 1);
  EXPECT_FALSE(pool.Allocate().has_value());
  EXPECT_TRUE(second->unique());
  second.reset();
  EXPECT_EQ(pool.counts().active, 0);
  EXPECT_TRUE(pool.Allocate().has_value());
}

TEST(BlockPoolTest, AssigningAReferenceGivesTheOldBlockBack) {
  BlockPool pool(2, 4);
  std::optional<BlockRef> a = pool.Allocate();
  std::optional<BlockRef> b = pool.Allocate();
  *a = std::move(*b);
  b.reset();
  EXPECT_EQ(pool.counts().active, 1);
}

TEST(BlockPoolDeathTest, BlockThatOutlivesItsPoolIsAnInvariantBroken) {
  EXPECT_DEATH(
      {
        std::optional<BlockRef> block;
        BlockPool pool(1, 1);
        block = pool.Allocate();
      },
      "outlives");
}

TEST(BlockTableTest, GrowTakesAllItNeedsOrNothing) {
  BlockPool pool(4, 4);
  BlockTable table(pool);
  EXPECT_TRUE(table.Grow(5));
  EXPECT_EQ(table.size(), 2);
  EXPECT_EQ(table.capacity(), 8);
  EXPECT_TRUE(table.Grow(8));
  EXPECT_EQ(table.size(), 2);
  EXPECT_FALSE(table.Grow(17));
  EXPECT_EQ(pool.available(), 2);
  EXPECT_TRUE(table.Grow(16));
  EXPECT_EQ(pool.available(), 0);
  table.Clear();
  EXPECT_EQ(pool.available(), 4);
}

TEST(BlockTableTest, ForkSharesWholeBlocksAndCopiesTheBegunOne) {
  BlockPool pool(4, 4);
  BlockTable parent(pool);
  ASSERT_TRUE(parent.Grow(10));
  BlockTable child(pool);
  std::vector<BlockCopy> copies;
  ASSERT_TRUE(child.ForkFrom(parent, 9, copies));
  EXPECT_EQ(child.ids()[0], parent.ids()[0]);
  EXPECT_EQ(child.ids()[1], parent.ids()[1]);
  EXPECT_NE(child.ids()[2], parent.ids()[2]);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].from_block, parent.ids()[2]);
  EXPECT_EQ(copies[0].to_block, child.ids()[2]);
  EXPECT_EQ(copies[0].positions, 1);
  EXPECT_FALSE(child.Writable(7, 8));
  EXPECT_TRUE(child.Writable(9, 12));
  EXPECT_EQ(pool.counts().active, 4);

  BlockTable other(pool);
  EXPECT_FALSE(other.ForkFrom(parent, 9, copies));
  EXPECT_EQ(other.size(), 0);
  EXPECT_TRUE(other.ForkFrom(parent, 8, copies));
  EXPECT_EQ(copies.size(), 1u);
  EXPECT_EQ(pool.references(parent.ids()[0]), 3);
}

// Random growing, forking and clearing against a map of counts.
TEST(BlockTableTest, ReferencesAlwaysAddUp) {
  constexpr int32_t kBlocks = 23;
  BlockPool pool(kBlocks, 3);
  std::mt19937 random(7);
  {
    std::vector<BlockTable> tables;
    for (int i = 0; i < 8; ++i) tables.emplace_back(pool);
    std::vector<BlockCopy> copies;
    for (int step = 0; step < 20000; ++step) {
      BlockTable& table = tables[random() % tables.size()];
      const BlockTable& other = tables[random() % tables.size()];
      switch (random() % 3) {
        case 0:
          (void)table.Grow(table.capacity() + random() % 7);
          break;
        case 1:
          table.Clear();
          break;
        case 2:
          if (&table == &other || other.capacity() == 0) break;
          table.Clear();
          (void)table.ForkFrom(other, random() % other.capacity(), copies);
          break;
      }
      std::map<int32_t, int> held;
      for (const BlockTable& one : tables) {
        for (int32_t id : one.ids()) ++held[id];
      }
      for (int32_t id = 0; id < kBlocks; ++id) {
        ASSERT_EQ(pool.references(id), held[id]) << "step " << step;
      }
      ASSERT_EQ(
          pool.counts().free + pool.counts().active + pool.counts().cached,
          kBlocks);
    }
  }
  EXPECT_EQ(pool.counts().active, 0);
}

}  // namespace
}  // namespace sluice::generator
