#include "tests/simulation/oracle.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simulation/world.h"

namespace sluice::generator {
namespace {

TEST(OracleTest, PendingBytesAreTheLongestEndThatBeginsAStop) {
  const std::vector<std::string> stops = {"abac", "cd"};
  EXPECT_EQ(PendingBytes("", stops), 0);
  EXPECT_EQ(PendingBytes("xx", stops), 0);
  EXPECT_EQ(PendingBytes("xaba", stops), 3);
  EXPECT_EQ(PendingBytes("xabab", stops), 2);
  EXPECT_EQ(PendingBytes("xc", stops), 1);
}

class OracleStreamTest : public testing::Test {
 protected:
  // One greedy sequence that goes on from these letters.
  ExpectedSequence Expect(const std::string& resumed,
                          const std::vector<std::string>& stops,
                          int32_t max_new_tokens) {
    RequestFields fields;
    fields.request_id = "r";
    fields.prompt_ids = {3, 4};
    fields.params.temperature = 0.0f;
    fields.params.ignore_eos = true;
    fields.params.stop = stops;
    fields.params.max_new_tokens = max_new_tokens;
    std::vector<int32_t> ids;
    for (const char c : resumed) ids.push_back(c - 'a');
    if (!ids.empty()) fields.resumed.push_back({0, ids});
    return oracle_.Expect(fields)[0];
  }

  const Vocabulary vocabulary_ = MakeSimVocabulary();
  Oracle oracle_{vocabulary_, kSimVocabulary};
};

TEST_F(OracleStreamTest, AStopMayEndBehindWhatWasResumed) {
  const std::string next =
      std::string(vocabulary_.bytes(Expect("bcd", {}, 4).shown[3]))
          .substr(0, 1);
  const ExpectedSequence got = Expect("bcd", {"d" + next}, 9);
  EXPECT_EQ(got.end.reason, FinishReason::kStop);
  EXPECT_EQ(got.end.matched_stop, "d" + next);
  EXPECT_EQ(got.replayed, 3);
  EXPECT_EQ(got.shown.size(), 4u);
  EXPECT_TRUE(got.BeginsStopAfter(3));
  EXPECT_TRUE(got.StopSpans(3));
  // The first three ids are out: only what follows can be cut.
  EXPECT_EQ(got.TrimAfter(3), got.end.trim_bytes - 1);
}

TEST_F(OracleStreamTest, IdsThatMayBecomeAStopAreNotShownYet) {
  const ExpectedSequence got = Expect("bcx", {"bcd"}, 3);
  EXPECT_EQ(got.shown_after, (std::vector<int32_t>{0, 0, 0}));
  EXPECT_EQ(got.shown.size(), 3u);
  EXPECT_EQ(got.end.reason, FinishReason::kLength);
}

TEST_F(OracleStreamTest, NothingGoesBeyondTheContext) {
  const ExpectedSequence got = Expect("", {}, kSimContext);
  EXPECT_EQ(got.generated, kSimContext - 2);
  EXPECT_EQ(got.end.reason, FinishReason::kLength);
}

TEST_F(OracleStreamTest, TheStopThatStartsFirstCountsThenTheShortest) {
  EXPECT_EQ(Expect("xbcd", {"cd", "bcd", "d"}, 9).end.matched_stop, "bcd");
  EXPECT_EQ(Expect("xbcd", {"bcd", "bc"}, 9).end.matched_stop, "bc");
}

}  // namespace
}  // namespace sluice::generator
