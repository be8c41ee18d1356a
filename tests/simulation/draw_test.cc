#include "tests/simulation/draw.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "services/generator/sampler/sampler.h"
#include "services/generator/scheduler/hash_runner.h"

namespace sluice::generator {
namespace {

using Words = std::vector<uint32_t>;

// Of the kat_vectors of Random123, for philox4x32 with 10 rounds.
TEST(DrawTest, PhiloxIsThePublishedOne) {
  EXPECT_EQ(PhiloxWords({0, 0, 0, 0}, 0),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(PhiloxWords({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                        0xffffffffffffffff),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(PhiloxWords({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                        0x299f31d0a4093822),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(DrawTest, CertainChoicesAreThoseOfTheSampler) {
  Drawer drawer;
  Sampler sampler;
  std::vector<float> logits(48);
  const std::vector<bool> nothing(48);
  const int32_t places = 4000;
  int32_t certain = 0;
  for (int32_t place = 0; place < places; ++place) {
    HashLogits(MixBits(place + 1), absl::MakeSpan(logits));
    SamplingParams params;
    params.seed = MixBits(place);
    params.temperature = 0.5f + static_cast<float>(place % 3);
    params.top_k = place % 5 == 0 ? 7 : 0;
    params.top_p = place % 7 == 0 ? 0.6f : 1.0f;
    const Choice choice = drawer.Draw(
        logits, params, {.seen = nothing, .banned_ids = {}, .position = place});
    SamplePoint point;
    point.position = place;
    const auto expected = sampler.Sample(logits, params, point);
    ASSERT_TRUE(expected.ok()) << expected.status();
    certain += choice.certain;
    if (!choice.certain) continue;
    EXPECT_EQ(choice.id, *expected) << place;
  }
  EXPECT_GE(certain, places * 99 / 100);
}

}  // namespace
}  // namespace sluice::generator
