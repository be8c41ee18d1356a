#include "services/gateway/pipeline/answer.h"

#include <gtest/gtest.h>

#include "services/gateway/pipeline/fake_ports.h"

namespace sluice::gateway {
namespace {

class AnswerTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> TextOf(TokenDelta delta) {
    auto event = answer_.Take(std::move(delta));
    if (!event.ok()) return event.status();
    return std::get<api::Delta>(*event).text;
  }

  Answer answer_{"id", "tiny", ByteVocabulary()};
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
  EXPECT_EQ(std::get<api::Finished>(*finished).matched_stop, "wo");
  EXPECT_EQ(std::get<api::Finished>(*finished).reason,
            api::FinishReason::kStop);
  EXPECT_TRUE(answer_.complete());
}

TEST_F(AnswerTest, SpecialTokensLeaveNoText) {
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_EQ(*TextOf({.ids = {'a', 256, 'b'}}), "ab");
}

TEST_F(AnswerTest, PeerThatBreaksItsContractIsFoundOut) {
  EXPECT_EQ(TextOf({.ids = {1}}).status().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(answer_.Take(api::Progress{}).ok());
  ASSERT_TRUE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_FALSE(answer_.Take(AttemptStarted{}).ok());
  EXPECT_FALSE(answer_.Take(api::Queued{}).ok());
  EXPECT_EQ(TextOf({.ids = {257}}).status().message(),
            "generator: broke its contract, id 257, limit 0 to 256");
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
