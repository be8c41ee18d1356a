#include "services/tokenizer/explain_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/testing/test_files.h"
#include "services/tokenizer/core/test_tokenizer.h"

namespace sluice::tokenizer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExplainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const TempDir directory;
    directory.Write("tokenizer.json", TestTokenizer().Json());
    auto tokenizer = Tokenizer::FromDirectory(directory.path());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = *std::move(tokenizer);
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(ExplainTest, ShowsPiecesBetweenBarsAndALineEach) {
  auto page = Explain(*tokenizer_, "hello<|im_end|>", false);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("hello|<|im_end|>\n"));
  EXPECT_THAT(*page, HasSubstr("259      0..5      \"hello\"\n"));
  EXPECT_THAT(*page, HasSubstr("\"<|im_end|>\"  special\n"));
  EXPECT_THAT(*page, HasSubstr("2 tokens, 15 bytes"));
  EXPECT_THAT(*page, Not(HasSubstr("\x1b")));
}

TEST_F(ExplainTest, ACharacterOfSeveralTokensIsShownWhole) {
  auto page = Explain(*tokenizer_, "\u00e9!", false);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("\u00e9||!\n"));
}

TEST_F(ExplainTest, ColoursForATerminal) {
  auto page = Explain(*tokenizer_, "hello", true);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, HasSubstr("mhello\x1b[0m"));
}

TEST_F(ExplainTest, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(Explain(*tokenizer_, "\xFF", false).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::tokenizer
