#include "services/gateway/pipeline/answer.h"

#include <gtest/gtest.h>

#include "services/gateway/pipeline/fake_ports.h"

namespace sluice::gateway {
namespace {

class AnswerTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> TextOf(TokenDelta delta) {
    const auto events = answer_.Take(std::move(delta));
    if (!events.ok()) return events.status();
    EXPECT_EQ(events->size(), 1u);
    return std::get<api::Delta>(events->front()).text;
  }

  // The model has one id more than its tokenizer.
  Answer answer_{{"id", "tiny", 258}, ByteVocabulary(), {}};
};

TEST_F(AnswerTest, BytesOfACharacterWaitUntilItIsWhole) {
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_EQ(*TextOf({.ids = IdsOf("a\xe4\xbd")}), "a");
  EXPECT_EQ(*TextOf({.ids = IdsOf("\xa0")}), "\xe4\xbd\xa0");
  EXPECT_EQ(*TextOf({.ids = IdsOf("\xe5"), .finish = SequenceFinish{}}),
            "\xef\xbf\xbd");
}

TEST_F(AnswerTest, StopInsideATokenIsTrimmed) {
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_EQ(*TextOf({.ids = IdsOf("one")}), "one");
  EXPECT_EQ(
      *TextOf({.ids = IdsOf("two."),
               .finish = SequenceFinish{.reason = api::FinishReason::kStop,
                                        .matched_stop = "wo",
                                        .trim_bytes = 3}}),
      "t");
  const auto finished = answer_.Take(AttemptFinished{});
  ASSERT_TRUE(finished.ok());
  ASSERT_EQ(finished->size(), 1u);
  const auto& event = std::get<api::Finished>(finished->front());
  EXPECT_EQ(event.matched_stop, "wo");
  EXPECT_EQ(event.reason, api::FinishReason::kStop);
  EXPECT_TRUE(answer_.complete());
}

TEST_F(AnswerTest, SpecialTokensLeaveNoText) {
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_EQ(*TextOf({.ids = {'a', 256, 'b'}}), "ab");
}

TEST_F(AnswerTest, IdsPastTheTokenizersLeaveNoText) {
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_EQ(*TextOf({.ids = {'a', 257, 'b'}}), "ab");
}

TEST_F(AnswerTest, EachKindIsADeltaAndTheFirstHasTheTokens) {
  AnswerWish wish{.form = {.format = AnswerFormat::kQwen3}, .reasoning = true};
  Answer answer({"id", "tiny", 257}, ByteVocabulary(), wish);
  ASSERT_TRUE(answer.Take(AttemptStarted{}).ok());
  const auto events =
      answer.Take(TokenDelta{.ids = IdsOf("<think>hm</think>yes")});
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->size(), 2u);
  const auto& thought = std::get<api::Delta>(events->at(0));
  EXPECT_EQ(thought.reasoning, "hm");
  EXPECT_EQ(thought.text, "");
  EXPECT_EQ(thought.tokens, 20);
  const auto& text = std::get<api::Delta>(events->at(1));
  EXPECT_EQ(text.text, "yes");
  EXPECT_EQ(text.tokens, 0);
}

TEST_F(AnswerTest, PeerThatBreaksItsContractIsFoundOut) {
  EXPECT_EQ(TextOf({.ids = {1}}).status().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(answer_.Take(api::Progress{}).ok());
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_FALSE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_FALSE(answer_.Take(api::Queued{}).ok());
  EXPECT_EQ(TextOf({.ids = {258}}).status().message(),
            "generator: broke its contract, id 258, limit 0 to 257");
  EXPECT_FALSE(TextOf({.ids = {-1}}).ok());
  EXPECT_FALSE(TextOf({.index = 1, .ids = {1}}).ok());
  EXPECT_FALSE(TextOf({.finish = SequenceFinish{.trim_bytes = -1}}).ok());
  EXPECT_FALSE(answer_.Take(AttemptFinished{}).ok());
  ASSERT_TRUE(TextOf({.finish = SequenceFinish{}}).ok());
  EXPECT_FALSE(TextOf({.ids = {1}}).ok());
  ASSERT_TRUE(answer_.Take(AttemptFinished{}).ok());
  EXPECT_FALSE(answer_.Take(api::Queued{}).ok());
}

}  // namespace
}  // namespace sluice::gateway
