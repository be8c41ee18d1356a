#include "services/generator/kv_cache/prefix_cache.h"

#include <memory>
#include <numeric>
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

using Ids = std::vector<int32_t>;

Ids Counting(int32_t from, int32_t count) {
  Ids ids(count);
  std::iota(ids.begin(), ids.end(), from);
  return ids;
}

class PrefixCacheTest : public ::testing::Test {
 protected:
  // A sequence that computed `ids`, published them and still holds its blocks.
  std::unique_ptr<BlockTable> Compute(const Ids& ids,
                                      const std::string& salt = "t") {
    auto table = std::make_unique<BlockTable>(pool_);
    EXPECT_TRUE(table->Grow(static_cast<int64_t>(ids.size())));
    PrefixChain chain = cache_.StartChain({salt});
    cache_.Publish(chain, ids, *table, 0, static_cast<int32_t>(ids.size()) / 4);
    return table;
  }
  PrefixMatch Find(const Ids& ids, const std::string& salt = "t") {
    PrefixChain chain = cache_.StartChain({salt});
    return cache_.Find(chain, ids, static_cast<int32_t>(ids.size()));
  }

  BlockPool pool_{8, 4};
  PrefixCache cache_{pool_, "model"};
};

TEST_F(PrefixCacheTest, WholeBlocksAreFoundAfterTheirSequenceEnded) {
  auto table = Compute(Counting(0, 10));
  const Ids blocks = table->ids();
  table.reset();
  EXPECT_EQ(pool_.counts().cached, 2);
  EXPECT_EQ(pool_.counts().active, 0);
  EXPECT_EQ(pool_.counts().free, 6);
  const PrefixMatch match = Find(Counting(0, 10));
  EXPECT_THAT(match.blocks, ElementsAre(blocks[0], blocks[1]));
  EXPECT_EQ(match.part_positions, 0);
  EXPECT_EQ(cache_.CountCached(match), 2);
}

TEST_F(PrefixCacheTest, PartOfABlockIsCopiedFromTheOneThatSharesMost) {
  const auto a = Compute({0, 1, 2, 3, 10, 11, 12, 13});
  const auto b = Compute({0, 1, 2, 3, 10, 11, 20, 21});
  const auto c = Compute({0, 1, 2, 3, 30, 31, 32, 33});
  const PrefixMatch match = Find({0, 1, 2, 3, 10, 11, 20, 7});
  EXPECT_THAT(match.blocks, ElementsAre(a->id(0)));
  EXPECT_EQ(match.part_block, b->id(1));
  EXPECT_EQ(match.part_positions, 3);

  BlockTable table(pool_);
  std::vector<BlockCopy> copies;
  table.StartWith(match, copies);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].from_block, b->id(1));
  EXPECT_EQ(copies[0].to_block, table.id(1));
  EXPECT_EQ(copies[0].positions, 3);
  EXPECT_FALSE(table.Writable(0, 4));
  EXPECT_TRUE(table.Writable(7, 8));
}

TEST_F(PrefixCacheTest, BeginningOfABlockIsFoundByAShorterPrompt) {
  const auto table = Compute(Counting(0, 8));
  const PrefixMatch match = Find(Counting(0, 7));
  EXPECT_THAT(match.blocks, ElementsAre(table->id(0)));
  EXPECT_EQ(match.part_block, table->id(1));
  EXPECT_EQ(match.part_positions, 3);
}

TEST_F(PrefixCacheTest, OtherSaltModelOrBeginningFindsNothing) {
  const auto table = Compute(Counting(0, 8), "alice");
  for (const std::string salt : {"", "bob", "alicemodel"}) {
    const PrefixMatch match = Find(Counting(0, 8), salt);
    EXPECT_THAT(match.blocks, IsEmpty()) << salt;
    EXPECT_EQ(match.part_positions, 0) << salt;
  }
  // The second block's tokens after another first block.
  Ids moved = {9, 9, 9, 9};
  for (int32_t id : Counting(4, 4)) moved.push_back(id);
  EXPECT_THAT(Find(moved, "alice").blocks, IsEmpty());
  EXPECT_THAT(Find(Counting(0, 8), "alice").blocks.size(), 2u);

  BlockPool pool(8, 4);
  const PrefixCache other(pool, "another model");
  PrefixChain ours = cache_.StartChain({"alice"});
  PrefixChain theirs = other.StartChain({"alice"});
  EXPECT_NE(ours.Before(0, {}), theirs.Before(0, {}));
}

TEST_F(PrefixCacheTest, SaltAndModelDoNotRunTogether) {
  BlockPool pool(1, 4);
  const PrefixCache a(pool, "bc");
  const Sha256Digest of_a = a.StartChain({"a"}).Before(0, {});
  BlockPool second(1, 4);
  const PrefixCache b(second, "c");
  EXPECT_NE(of_a, b.StartChain({"ab"}).Before(0, {}));
}

TEST_F(PrefixCacheTest, EndOfTheOldestPrefixIsEvictedFirst) {
  Compute(Counting(0, 16)).reset();    // four blocks
  Compute(Counting(100, 16)).reset();  // the other four
  EXPECT_EQ(pool_.counts().free, 0);
  EXPECT_EQ(pool_.available(), 8);
  BlockTable running(pool_);
  ASSERT_TRUE(running.Grow(8));
  EXPECT_EQ(cache_.evictions(), 2);
  EXPECT_EQ(Find(Counting(0, 16)).blocks.size(), 2u);
  EXPECT_EQ(Find(Counting(100, 16)).blocks.size(), 4u);
}

TEST_F(PrefixCacheTest, UseMakesAPrefixYoungAgain) {
  Compute(Counting(0, 8)).reset();
  Compute(Counting(100, 8)).reset();
  {
    BlockTable again(pool_);
    std::vector<BlockCopy> copies;
    again.StartWith(Find(Counting(0, 8)), copies);
    EXPECT_EQ(pool_.counts().active, 2);
    EXPECT_EQ(pool_.counts().cached, 2);
  }
  BlockTable running(pool_);
  ASSERT_TRUE(running.Grow(6 * 4));
  EXPECT_EQ(Find(Counting(0, 8)).blocks.size(), 2u);
  EXPECT_THAT(Find(Counting(100, 8)).blocks, IsEmpty());
}

TEST_F(PrefixCacheTest, BlocksInUseAreNeverEvicted) {
  const auto held = Compute(Counting(0, 16));
  BlockTable running(pool_);
  EXPECT_FALSE(running.Grow(5 * 4));
  EXPECT_TRUE(running.Grow(4 * 4));
  EXPECT_EQ(Find(Counting(0, 16)).blocks.size(), 4u);
  EXPECT_EQ(cache_.evictions(), 0);
}

TEST_F(PrefixCacheTest, SecondCopyOfAPrefixIsNotKept) {
  const auto first = Compute(Counting(0, 8));
  auto second = Compute(Counting(0, 8));
  EXPECT_THAT(Find(Counting(0, 8)).blocks,
              ElementsAre(first->id(0), first->id(1)));
  second.reset();
  EXPECT_EQ(pool_.counts().cached, 0);
  EXPECT_EQ(pool_.counts().free, 6);
}

TEST_F(PrefixCacheTest, WithdrawnBlocksAreNotFoundAndBecomeFree) {
  auto table = Compute(Counting(0, 12));
  cache_.Withdraw(*table);
  EXPECT_THAT(Find(Counting(0, 12)).blocks, IsEmpty());
  table.reset();
  EXPECT_EQ(pool_.counts().free, 8);
  EXPECT_EQ(cache_.evictions(), 0);
}

TEST_F(PrefixCacheTest, PublishedBlockMayNotBeWritten) {
  const auto table = Compute(Counting(0, 10));
  EXPECT_FALSE(table->Writable(0, 1));
  EXPECT_FALSE(table->Writable(7, 9));
  EXPECT_TRUE(table->Writable(8, 10));
}

TEST_F(PrefixCacheTest, LastBlockOfThePoolMayBecomeItsOwnCopy) {
  auto table = Compute(Counting(0, 4));
  table.reset();
  BlockTable others(pool_);
  ASSERT_TRUE(others.Grow(7 * 4));
  const PrefixMatch match = Find(Counting(0, 3));
  ASSERT_EQ(match.part_positions, 3);
  BlockTable again(pool_);
  std::vector<BlockCopy> copies;
  again.StartWith(match, copies);
  EXPECT_THAT(copies, IsEmpty());
  EXPECT_EQ(again.id(0), match.part_block);
  EXPECT_TRUE(again.Writable(3, 4));
}

// Random sequences of few tokens against a list of what was ever computed: a
// match always holds the wanted tokens, of the same tenant, and no more.
TEST(PrefixCacheRandomTest, MatchesHoldTheTokensThatWereAskedFor) {
  constexpr int32_t kBlocks = 40;
  BlockPool pool(kBlocks, 3);
  PrefixCache cache(pool, "m");
  // Tenant and all tokens up to the end of the block, by block id.
  std::vector<std::pair<std::string, Ids>> contents(kBlocks);
  std::mt19937 random(3);
  std::vector<std::unique_ptr<BlockTable>> running;
  int64_t whole = 0;
  int64_t parts = 0;
  for (int round = 0; round < 20000; ++round) {
    if (running.size() > random() % 5) {
      running.erase(running.begin() + random() % running.size());
    }
    const std::string tenant(random() % 2, 'x');
    Ids ids(1 + random() % 20);
    for (int32_t& id : ids) id = random() % 2;
    const int32_t count = static_cast<int32_t>(ids.size());
    PrefixChain chain = cache.StartChain({tenant});
    const PrefixMatch match = cache.Find(chain, ids, count - 1);
    const int32_t matched = static_cast<int32_t>(match.blocks.size());
    ASSERT_LT(matched * 3 + match.part_positions, count);
    for (int32_t i = 0; i < matched; ++i) {
      ASSERT_EQ(
          contents[match.blocks[i]],
          std::make_pair(tenant, Ids(ids.begin(), ids.begin() + 3 * (i + 1))));
    }
    if (match.part_positions > 0) {
      const auto& [owner, tokens] = contents[match.part_block];
      ASSERT_EQ(owner, tenant);
      ASSERT_EQ(static_cast<int32_t>(tokens.size()), 3 * (matched + 1));
      const int32_t same = matched * 3 + match.part_positions;
      ASSERT_TRUE(std::equal(ids.begin(), ids.begin() + same, tokens.begin()));
    }
    whole += matched;
    parts += match.part_positions > 0;
    const int32_t fresh =
        pool.BlocksFor(count) - matched + cache.CountCached(match);
    if (fresh > pool.available()) continue;
    auto table = std::make_unique<BlockTable>(pool);
    std::vector<BlockCopy> copies;
    table->StartWith(match, copies);
    ASSERT_TRUE(table->Grow(count));
    for (int32_t i = matched; i < table->size(); ++i) {
      const size_t end = std::min<size_t>(ids.size(), 3 * (i + 1));
      contents[table->id(i)] = {tenant, Ids(ids.begin(), ids.begin() + end)};
    }
    cache.Publish(chain, ids, *table, matched, count / 3);
    running.push_back(std::move(table));
  }
  running.clear();
  EXPECT_EQ(pool.counts().active, 0);
  EXPECT_GT(whole, 1000);
  EXPECT_GT(parts, 1000);
  EXPECT_GT(cache.evictions(), 1000);
}

TEST_F(PrefixCacheTest, PartFilledEndIsFoundAndGivesWayToALongerOne) {
  const auto end_with = [this](const Ids& ids) {
    auto table = Compute(ids);
    PrefixChain chain = cache_.StartChain({"t"});
    cache_.PublishRest(chain, ids, *table, static_cast<int32_t>(ids.size()));
  };
  end_with(Counting(0, 6));
  EXPECT_EQ(pool_.counts().cached, 2);
  PrefixMatch match = Find(Counting(0, 20));
  EXPECT_EQ(match.blocks.size(), 1u);
  EXPECT_EQ(match.part_positions, 2);
  // Never as a whole block, however short what is looked for.
  match = Find(Counting(0, 6));
  EXPECT_EQ(match.blocks.size(), 1u);
  EXPECT_EQ(match.part_positions, 2);
  end_with(Counting(0, 7));
  EXPECT_EQ(pool_.counts().cached, 2);
  EXPECT_EQ(Find(Counting(0, 20)).part_positions, 3);
  end_with(Counting(0, 6));
  EXPECT_EQ(pool_.counts().cached, 2);
  EXPECT_EQ(Find(Counting(0, 20)).part_positions, 3);
  end_with(Counting(0, 8));
  EXPECT_EQ(pool_.counts().cached, 2);
  EXPECT_EQ(Find(Counting(0, 20)).blocks.size(), 2u);
}

// A pool of which four blocks may be warm.
class PublicPrefixTest : public ::testing::Test {
 protected:
  PrefixChain Chain(const std::string& tenant, int32_t public_tokens) {
    return cache_.StartChain({tenant, public_tokens});
  }
  // A sequence that computed `ids`, published them and ended.
  void Compute(const Ids& ids, const std::string& tenant,
               int32_t public_tokens) {
    BlockTable table(pool_);
    PrefixChain chain = Chain(tenant, public_tokens);
    const PrefixMatch match =
        cache_.Find(chain, ids, static_cast<int32_t>(ids.size()));
    ASSERT_EQ(match.part_positions, 0);
    std::vector<BlockCopy> copies;
    table.StartWith(match, copies);
    cache_.Touch(chain, match);
    ASSERT_TRUE(table.Grow(static_cast<int64_t>(ids.size())));
    cache_.Publish(chain, ids, table, 0, static_cast<int32_t>(ids.size()) / 4);
  }
  int32_t Found(const Ids& ids, const std::string& tenant,
                int32_t public_tokens) {
    PrefixChain chain = Chain(tenant, public_tokens);
    const PrefixMatch match =
        cache_.Find(chain, ids, static_cast<int32_t>(ids.size()));
    return static_cast<int32_t>(match.blocks.size()) * 4 + match.part_positions;
  }
  // Takes every block that can be had, and gives them back.
  int32_t TakeAll() {
    std::vector<BlockRef> taken;
    while (auto block = pool_.Allocate()) taken.push_back(*std::move(block));
    return static_cast<int32_t>(taken.size());
  }

  BlockPool pool_{16, 4};
  PrefixCache cache_{pool_, "model", 4};
};

TEST_F(PublicPrefixTest, TenantsShareItsWholeBlocksAndNothingBehind) {
  const Ids ids = Counting(0, 20);
  Compute(ids, "a", /*public_tokens=*/10);
  EXPECT_EQ(Found(ids, "a", 10), 20);
  EXPECT_EQ(Found(ids, "b", 10), 8);
  EXPECT_EQ(Found(ids, "b", 0), 0);
  EXPECT_EQ(Found(ids, "a", 0), 0);
  // Less of it may be public to another, but no more.
  EXPECT_EQ(Found(ids, "b", 4), 4);
  EXPECT_EQ(Found(ids, "b", 20), 8);
}

TEST_F(PublicPrefixTest, PublicPrefixWithinABlockIsTheTenantsOwn) {
  const Ids ids = Counting(0, 8);
  Compute(ids, "a", /*public_tokens=*/3);
  EXPECT_EQ(Found(ids, "a", 3), 8);
  EXPECT_EQ(Found(ids, "b", 3), 0);
}

TEST_F(PublicPrefixTest, NamelessTenantIsNotThePublic) {
  const Ids ids = Counting(0, 8);
  Compute(ids, "", 0);
  EXPECT_EQ(Found(ids, "b", 8), 0);
  Compute(Counting(20, 8), "b", 8);
  EXPECT_EQ(Found(Counting(20, 8), "", 0), 0);
}

TEST_F(PublicPrefixTest, PublicBlocksStayWhenAllOthersAreTaken) {
  Compute(Counting(0, 20), "a", /*public_tokens=*/8);
  EXPECT_EQ(pool_.counts().cached, 5);
  EXPECT_EQ(pool_.counts().warm, 2);
  EXPECT_EQ(pool_.available(), 14);
  EXPECT_EQ(TakeAll(), 14);
  EXPECT_EQ(Found(Counting(0, 20), "b", 8), 8);
  EXPECT_TRUE(cache_.CoolAll());
  EXPECT_FALSE(cache_.CoolAll());
  EXPECT_EQ(TakeAll(), 16);
  EXPECT_EQ(Found(Counting(0, 20), "b", 8), 0);
}

TEST_F(PublicPrefixTest, WarmBlocksAreBoundedAndTheLastUsedStay) {
  Compute(Counting(0, 8), "a", 8);
  Compute(Counting(100, 8), "a", 8);
  EXPECT_EQ(pool_.counts().warm, 4);
  // The first is used once more, so the second gives way to the third.
  Compute(Counting(0, 8), "b", 8);
  Compute(Counting(200, 8), "a", 8);
  EXPECT_EQ(pool_.counts().warm, 4);
  EXPECT_EQ(TakeAll(), 12);
  EXPECT_EQ(Found(Counting(0, 8), "c", 8), 8);
  EXPECT_EQ(Found(Counting(100, 8), "c", 8), 0);
  EXPECT_EQ(Found(Counting(200, 8), "c", 8), 8);
}

TEST_F(PublicPrefixTest, OfATooLongOneTheBeginningStays) {
  Compute(Counting(0, 40), "a", 40);
  EXPECT_EQ(pool_.counts().warm, 4);
  TakeAll();
  EXPECT_EQ(Found(Counting(0, 40), "b", 40), 16);
}

TEST_F(PublicPrefixTest, WithdrawnBlocksAreNotWarm) {
  BlockTable table(pool_);
  ASSERT_TRUE(table.Grow(8));
  PrefixChain chain = Chain("a", 8);
  cache_.Publish(chain, Counting(0, 8), table, 0, 2);
  EXPECT_EQ(pool_.counts().warm, 0);  // held, so not at rest
  cache_.Withdraw(table);
  table.Clear();
  EXPECT_EQ(pool_.counts().free, 16);
  EXPECT_FALSE(cache_.CoolAll());
}

}  // namespace
}  // namespace sluice::generator
