// tokenize and health against servers in this process.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "clients/cli/health.h"
#include "clients/cli/tokenize.h"
#include "common/testing/rpc_fixture.h"
#include "sluice/tokenizer/v1/tokenizer.grpc.pb.h"

namespace sluice::cli {
namespace {

// One token a byte, behind a token that was added.
class FakeTokenizer final : public tokenizer::v1::TokenizerService::Service {
 public:
  grpc::Status Tokenize(grpc::ServerContext*,
                        const tokenizer::v1::TokenizeRequest* request,
                        tokenizer::v1::TokenizeResponse* response) override {
    last = *request;
    const std::string& text = request->text();
    response->add_ids(1);
    response->add_offsets();
    for (size_t i = 0; i < text.size(); ++i) {
      response->add_ids(static_cast<unsigned char>(text[i]));
      tokenizer::v1::Offset& offset = *response->add_offsets();
      offset.set_begin(static_cast<int>(i));
      offset.set_end(static_cast<int>(i + 1));
    }
    response->set_vocabulary_hash("abc");
    return grpc::Status::OK;
  }
  tokenizer::v1::TokenizeRequest last;
};

class InquiryTest : public testing::Test {
 protected:
  InquiryTest() : server_({&tokenizer_}) {
    tokenize_.tokenizer = server_.target();
    health_ = {.gateway = server_.target(),
               .tokenizer = server_.target(),
               .generator = ""};
  }

  std::string Pieces(const std::string& text, Terminals terminals = {}) {
    out_.str("");
    Output output{out_, err_, terminals};
    const absl::Status status = Tokenize(tokenize_, text, stop_, output);
    EXPECT_TRUE(status.ok()) << status;
    return out_.str();
  }

  absl::Status Health() {
    out_.str("");
    Output output{out_, err_, {}};
    return CheckHealth(health_, output);
  }

  StopSignal stop_;  // before the server's threads
  FakeTokenizer tokenizer_;
  RpcFixture server_;
  TokenizeOptions tokenize_;
  HealthOptions health_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(InquiryTest, TokensAreOneALineForAPipe) {
  EXPECT_EQ(Pieces("a\"\n"), "1\t\"\"\n97\t\"a\"\n34\t\"\\\"\"\n10\t\"\\n\"\n");
}

TEST_F(InquiryTest, TerminalNeverSeesHalfACharacterOrAControl) {
  const std::string page = Pieces("\xC3\xB6\x1b", {.out = true, .err = true});
  EXPECT_NE(page.find("m\xC3\xB6\x1b[0m"), std::string::npos) << page;
  EXPECT_NE(page.find("m\xEF\xBF\xBD\x1b[0m"), std::string::npos) << page;
  EXPECT_NE(page.find("4 tokens: 1 195 182 27"), std::string::npos) << page;
}

TEST_F(InquiryTest, JsonHoldsIdsAndPieces) {
  tokenize_.json = true;
  const auto json = nlohmann::json::parse(Pieces("ab"));
  EXPECT_EQ(json["ids"], nlohmann::json({1, 97, 98}));
  EXPECT_EQ(json["pieces"], nlohmann::json({"", "a", "b"}));
  EXPECT_EQ(json["vocabulary_hash"], "abc");
}

TEST_F(InquiryTest, SwitchesReachTheTokenizer) {
  tokenize_.add_special_tokens = false;
  Pieces("x");
  EXPECT_FALSE(tokenizer_.last.add_special_tokens());
  EXPECT_TRUE(tokenizer_.last.parse_special());
  EXPECT_TRUE(tokenizer_.last.with_offsets());
}

TEST_F(InquiryTest, HealthIsFineWhenAllThatAreAskedServe) {
  EXPECT_TRUE(Health().ok());
  EXPECT_NE(out_.str().find("gateway    " + server_.target()),
            std::string::npos);
  EXPECT_NE(out_.str().find("SERVING"), std::string::npos);
  EXPECT_EQ(out_.str().find("generator"), std::string::npos);
}

TEST_F(InquiryTest, HealthNamesWhoDoesNotServe) {
  RpcFixture other({});
  health_.generator = other.target();
  other.server().StopServing();
  const absl::Status draining = Health();
  EXPECT_EQ(draining.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(draining.message(), "generator: not serving");
  EXPECT_NE(out_.str().find("NOT_SERVING"), std::string::npos) << out_.str();
  other.server().Shutdown(0);
  health_.json = true;
  EXPECT_FALSE(Health().ok());
  const auto json = nlohmann::json::parse(out_.str());
  EXPECT_EQ(json["gateway"]["state"], "SERVING");
  EXPECT_EQ(json["generator"]["state"], "UNAVAILABLE");
}

TEST_F(InquiryTest, HealthOfNobodyIsRefused) {
  health_ = {.gateway = "", .tokenizer = "", .generator = ""};
  EXPECT_EQ(Health().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::cli
