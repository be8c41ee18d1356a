#include "services/gateway/pipeline/public_prefixes.h"

#include <gtest/gtest.h>

#include "services/gateway/pipeline/fake_ports.h"
#include "services/gateway/pipeline/pipeline.h"

namespace sluice::gateway {
namespace {

// The fake Tokenizer renders "role:content\n", a byte an id.
const std::string kPrompt = "Be kind.";
const std::string kPrefix = "system:Be kind.\nuser:";

class PublicPrefixesTest : public testing::Test {
 protected:
  PublicPrefixesTest() {
    router_.model.features = {"public_prefix", "bypass_prefix_cache"};
    router_.generator->reply = {"x"};
  }
  ~PublicPrefixesTest() override { pipeline_.CancelAll(); }

  void Tick(int times = 1) {
    for (int i = 0; i < times; ++i) prefixes_->Tick(router_.Routes());
  }
  static std::vector<api::ChatMessage> Chat(const std::string& user,
                                            const std::string& system) {
    return {{"system", system}, {"user", user}};
  }
  int32_t PublicTokens(std::vector<api::ChatMessage> messages,
                       bool bypass = false) {
    api::ChatRequest request;
    request.messages = std::move(messages);
    request.options.bypass_prefix_cache = bypass;
    const auto exchange = pipeline_.Start("test", std::move(request));
    EXPECT_TRUE(exchange.ok()) << exchange.status();
    (*exchange)->Cancel();
    return router_.generator->last_attempt().handling.public_prefix_tokens;
  }

  FakeClock clock_;
  FakeRouter router_;
  FakeObserver observer_;
  SeededRandom random_{1};
  const PresetCatalog presets_ = PresetCatalog::BuiltIn();
  const std::shared_ptr<PublicPrefixes> prefixes_ =
      std::make_shared<PublicPrefixes>(
          std::vector<std::string>{"Other.", kPrompt}, clock_, random_);
  Pipeline pipeline_{PipelineOptions{},
                     PipelineParts{router_, presets_, clock_, random_,
                                   observer_, prefixes_.get()}};
};

TEST_F(PublicPrefixesTest, WhatTwoUsersHaveInCommonIsPublic) {
  EXPECT_EQ(PublicTokens(Chat("hi", kPrompt)), 0);  // not learned yet
  Tick(10);
  EXPECT_EQ(PublicTokens(Chat("hi", kPrompt)),
            static_cast<int32_t>(kPrefix.size()));
}

TEST_F(PublicPrefixesTest, NothingOfAClientIsPublic) {
  Tick(10);
  // Begins as our own probes do: no more than what both share.
  EXPECT_EQ(PublicTokens(Chat("Hello", kPrompt)),
            static_cast<int32_t>(kPrefix.size()));
  EXPECT_EQ(PublicTokens(Chat("hi", "Be kind")), 0);
  EXPECT_EQ(PublicTokens(Chat("hi", kPrompt + " And more.")), 0);
  EXPECT_EQ(PublicTokens({{"user", kPrompt}}), 0);
  EXPECT_EQ(PublicTokens({{"user", "a"}, {"system", kPrompt}}), 0);
  EXPECT_EQ(PublicTokens(Chat("hi", kPrompt), /*bypass=*/true), 0);
}

TEST_F(PublicPrefixesTest, ARequestGetsAsMuchAsItsIdsBeginWith) {
  Tick(10);
  // Another role follows: the match ends inside our template.
  EXPECT_EQ(
      PublicTokens({{"system", kPrompt}, {"assistant", "a"}, {"user", "b"}}),
      static_cast<int32_t>(std::string("system:Be kind.\n").size()));
}

TEST_F(PublicPrefixesTest, EachGeneratorIsSentEachPromptOnce) {
  Tick(10);
  EXPECT_EQ(prefixes_->counts(), (std::pair<size_t, size_t>(2, 2)));
  const Attempt sent = router_.generator->last_attempt();
  EXPECT_EQ(sent.params.max_new_tokens, 1);
  EXPECT_TRUE(sent.handling.system_priority);
  EXPECT_EQ(sent.handling.public_prefix_tokens,
            static_cast<int32_t>(kPrefix.size()));
  EXPECT_EQ(sent.prompt_ids, IdsOf(kPrefix + "Hello\n"));
  Tick(10);
  EXPECT_EQ(router_.generator->last_attempt().request_id, sent.request_id);
  router_.instance = "2";  // it came back
  Tick(10);
  EXPECT_NE(router_.generator->last_attempt().request_id, sent.request_id);
  EXPECT_EQ(prefixes_->counts(), (std::pair<size_t, size_t>(2, 2)));
}

TEST_F(PublicPrefixesTest, AnotherTokenizerIsAskedAnew) {
  Tick(10);
  router_.tokenizer = std::make_shared<FakeTokenizer>();
  EXPECT_EQ(PublicTokens(Chat("hi", kPrompt)), 0);
  Tick(10);
  EXPECT_EQ(PublicTokens(Chat("hi", kPrompt)),
            static_cast<int32_t>(kPrefix.size()));
}

TEST_F(PublicPrefixesTest, WhatFailsIsTriedAgainLater) {
  router_.tokenizer->failure = absl::UnavailableError("gone");
  Tick(10);
  router_.tokenizer->failure = absl::OkStatus();
  Tick(10);
  EXPECT_EQ(prefixes_->counts(), (std::pair<size_t, size_t>(0, 0)));
  router_.generator->failure = absl::UnavailableError("gone");
  clock_.Advance(5 * kNanosPerSecond);
  Tick(10);
  EXPECT_EQ(prefixes_->counts(), (std::pair<size_t, size_t>(2, 0)));
  router_.generator->failure = absl::OkStatus();
  clock_.Advance(5 * kNanosPerSecond);
  Tick(10);
  EXPECT_EQ(prefixes_->counts(), (std::pair<size_t, size_t>(2, 2)));
}

TEST_F(PublicPrefixesTest, OneCallRunsAtATime) {
  router_.tokenizer->held = true;
  Tick(3);
  const auto call = router_.tokenizer->last_call;
  Tick(3);
  EXPECT_EQ(router_.tokenizer->last_call, call);
  call->Answer(IdsOf("a"));  // asks for the second
  EXPECT_NE(router_.tokenizer->last_call, call);
  router_.tokenizer->last_call->Answer(IdsOf("a"));
}

TEST_F(PublicPrefixesTest, AGeneratorThatKnowsNoneIsLeftAlone) {
  router_.model.features = {};
  Tick(10);
  EXPECT_EQ(prefixes_->counts(), (std::pair<size_t, size_t>(0, 0)));
  EXPECT_EQ(router_.generator->last_stream(), nullptr);
}

}  // namespace
}  // namespace sluice::gateway
